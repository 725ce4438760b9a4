// Runs in the page before anything of its own, and notes when it has come how far, in milliseconds since the navigation.

(() => {
  const milestones = { canTakeShots: null, engineReady: null, photosChosen: null, shotsReady: [], shots };
  window.milestones = milestones;

  // Who waits for so many shots. To ask again and again would take time from what is timed.
  const waiting = [];

  function shots(count) {
    return new Promise((resolve) => {
      waiting.push({ count, resolve });
      look();
    });
  }

  const look = () => {
    const now = performance.now();
    if (document.querySelector('.class-actions input[type=file]:enabled')) milestones.canTakeShots ??= now;
    if (document.documentElement?.dataset.engine === 'ready') milestones.engineReady ??= now;
    const { length } = document.querySelectorAll('.shot[data-status=ready]');
    while (milestones.shotsReady.length < length) milestones.shotsReady.push(now);
    for (const { count, resolve } of waiting) if (milestones.shotsReady.length >= count) resolve(true);
  };

  const attributeFilter = ['data-engine', 'data-status', 'disabled'];
  new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter });
  document.addEventListener('change', () => (milestones.photosChosen ??= performance.now()), true);
})();
