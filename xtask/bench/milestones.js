// Runs in the page before anything of its own, and notes when it has come how far, in milliseconds since the navigation.

(() => {
  const milestones = { canTakeShots: null, engineReady: null, photosChosen: null, shotsReady: [] };
  window.milestones = milestones;

  const look = () => {
    const now = performance.now();
    if (document.querySelector('.class-actions input[type=file]:enabled')) milestones.canTakeShots ??= now;
    if (document.documentElement?.dataset.engine === 'ready') milestones.engineReady ??= now;
    const { length } = document.querySelectorAll('.shot[data-status=ready]');
    while (milestones.shotsReady.length < length) milestones.shotsReady.push(now);
  };

  const attributeFilter = ['data-engine', 'data-status', 'disabled'];
  new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter });
  document.addEventListener('change', () => (milestones.photosChosen ??= performance.now()), true);
})();
