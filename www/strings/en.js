// Every word that the page says, in English. Whole sentences: a sentence is never put together from fragments elsewhere.
// No DOM and no state. `zh.js` says the same in Chinese; a test holds the two to one shape.

const percentFormat = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 0 });
const megabyteFormat = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const wholeFormat = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const dateFormat = new Intl.DateTimeFormat('en', { dateStyle: 'medium' });

/** @param {number} share 0 to 1 */
export const percent = (share) => percentFormat.format(share);
/**
 * Never 100%: a few photos make nobody that sure.
 * @param {number} share 0 to 1
 */
const nearlySure = (share) => (share > 0.99 ? 'over 99%' : percent(share));
/** @param {number} bytes */
const megabytes = (bytes) => megabyteFormat.format(bytes / 1e6);
/** @param {number} milliseconds */
const duration = (milliseconds) => `${wholeFormat.format(milliseconds)} ms`;
/** Less time than this, in milliseconds, is not worth telling. */
const LONG = 2000;
/** @param {number} milliseconds */
const time = (milliseconds) => {
  const seconds = Math.ceil(milliseconds / 1000);
  if (seconds >= 90) return `about ${wholeFormat.format(Math.round(seconds / 60))} minutes`;
  return seconds === 1 ? 'about 1 second' : `about ${seconds} seconds`;
};
/** @param {number} count */
const photos = (count) => (count === 1 ? '1 photo' : `${wholeFormat.format(count)} photos`);

export const text = {
  title: 'Glimpse',
  privacy: 'Photos never leave this page.',
  intro: 'Show it a few photos of each thing, and it learns to tell them apart.',

  /** Where another page embeds this one. */
  embedded: 'Glimpse recognises photos for the page around it. They never leave your device.',

  language: {
    lost: 'Some of your work is not kept yet and would be lost. Change the language all the same?',
  },

  steps: {
    show: 'Show',
    train: 'Train',
    try: 'Try',
    nav: 'Steps',
  },

  classes: {
    defaultName: (/** @type {number} */ number) => `Class ${number}`,
    nameLabel: 'Name of the class',
    count: (/** @type {number} */ count) => photos(count),
    on: (/** @type {string} */ name) => `${name} takes part`,
    off: 'Off',
    offHint: 'Switched off: it takes no part for now.',
    remove: (/** @type {string} */ name) => `Delete ${name}`,
    removed: (/** @type {string} */ name, /** @type {number} */ count) =>
      count === 0 ? `Deleted “${name}”.` : `Deleted “${name}” and its ${photos(count)}.`,
    add: 'Add a class',
    folder: 'Import folders',
    folderHint: 'One class for each folder of photos',
    nameTaken: (/** @type {string} */ name) => `There is already a class named “${name}”. Give this one another name.`,
    empty: { mouse: 'Drop photos here, paste them, or use the buttons.', touch: 'Take photos, or choose some.' },
    camera: 'Camera',
    closeCamera: 'Close camera',
    upload: 'Photos',
    uploadFor: (/** @type {string} */ name) => `Add photos to ${name}`,
    cameraFor: (/** @type {string} */ name) => `Camera for ${name}`,
    closeCameraFor: (/** @type {string} */ name) => `Close camera of ${name}`,
    shots: (/** @type {string} */ name) => `Photos of ${name}`,
    pasteTarget: 'Pasted photos come here',
  },

  shot: {
    open: (/** @type {number} */ number, /** @type {string} */ name) => `Photo ${number} of ${name}`,
    pending: (/** @type {number} */ number, /** @type {string} */ name) => `Photo ${number} of ${name}, waiting for the network`,
    failed: (/** @type {number} */ number, /** @type {string} */ name) => `Photo ${number} of ${name}, could not be read by the network`,
    remove: (/** @type {number} */ number) => `Delete photo ${number}`,
    removed: 'Deleted one photo.',
  },

  preview: {
    caption:
      'This is what is kept of the photo. The network looks at its middle, at the largest square in it, at all of it and at it closer up, each also mirrored.',
    position: (/** @type {string} */ name, /** @type {number} */ number, /** @type {number} */ count) => `${name} · ${number} of ${count}`,
    failed: 'The network could not read this photo, so it does not count.',
    previous: 'Previous photo',
    next: 'Next photo',
    remove: 'Delete photo',
    close: 'Close',
  },

  capture: {
    snap: 'Tap to snap, hold for a burst',
    snapOnce: 'Press for a burst',
    stop: 'Press to stop',
    settings: 'Burst settings',
    rate: 'Photos a second',
    rateValue: (/** @type {number} */ value) => `${value} a second`,
    delay: 'Wait before the first',
    delayValue: (/** @type {number} */ value) => (value === 0 ? 'none' : `${value} s`),
    length: 'Longest burst',
    lengthValue: (/** @type {number} */ value) => `${value} s`,
    handsFree: 'Press once instead of holding',
    countdown: (/** @type {number} */ seconds) => `${seconds}`,
  },

  camera: {
    view: 'Camera picture',
    device: 'Camera',
    unnamedDevice: (/** @type {number} */ number) => `Camera ${number}`,
    mirror: 'Mirror',
    again: 'Try again',
    states: {
      off: 'The camera is off.',
      asking: 'Your browser asks whether this page may use the camera. Choose “Allow”.',
      unanswered: 'Still waiting for your answer. Look for the question near the address bar, or for a crossed-out camera in it.',
      denied: 'The camera is blocked for this page. Allow it with the camera or lock symbol in the address bar, then try again.',
      none: 'No camera was found. Plug one in and try again, or add photos from files.',
      busy: 'The camera is in use by another program or tab. Close that, then try again.',
      insecure: 'Browsers give the camera to secure pages alone. Open this page by https, or from localhost.',
      unplugged: 'The camera was disconnected. Plug it in again, or choose another.',
      failed: 'The camera did not start. Try again, or choose another one.',
      paused: 'The camera rests while this tab is hidden.',
      on: '',
    },
  },

  training: {
    train: 'Train',
    again: 'Train again',
    cancel: 'Cancel',
    setName: (/** @type {number} */ way, /** @type {number} */ least, /** @type {number} */ most) =>
      least === most ? `${way}-way ${least}-shot` : `${way}-way, ${least}–${most} shots`,
    noSet: 'No set yet',
    progress: (/** @type {number} */ done, /** @type {number} */ total, /** @type {number} */ left) =>
      left < LONG ? `Step ${done} of ${total}` : `Step ${done} of ${total}, ${time(left)} left`,
    looking: (/** @type {number} */ looked, /** @type {number} */ of, /** @type {number} */ left) =>
      `Looking closely at photo ${looked} of ${of}, ${time(left)} left`,
    progressLabel: 'Training progress',
    reasons: {
      classes: 'Training needs photos in at least two classes.',
      empty: (/** @type {string} */ name) => `“${name}” has no photo yet. Add one, or switch it off or delete it.`,
      pending: (/** @type {number} */ count) => `Waiting until ${count === 1 ? '1 photo has' : `${count} photos have`} been read.`,
      engine: 'Waiting for the network.',
      running: 'A training is under way.',
    },
    states: {
      untrainedHead: 'Ready. Training fits the classes to your photos.',
      stale: 'The photos have changed since the last training.',
      trained: (/** @type {string} */ method) => `Trained on the photos you see, by the method “${method}”.`,
      otherMethod: (/** @type {string} */ method) => `The method “${method}” is used once you train again.`,
    },
    changed: 'The photos changed, so training was stopped.',
    cancelled: 'Training was cancelled. Nothing has changed.',
    outcome: (/** @type {number} */ before, /** @type {number} */ after) =>
      `Right on your own photos: ${percent(before)} before, ${percent(after)} after.`,
    metricOutcome: (/** @type {number} */ before, /** @type {number} */ after) =>
      `A photo lay closer to its own class than to another: ${percent(before)} of the time at first, ${percent(after)} in the end.`,
    outcomeOfSteps: (/** @type {number} */ before, /** @type {number} */ after) =>
      `Right among the few photos of a step: ${percent(before)} in the first, ${percent(after)} in the last.`,
    outcomeWithoutSteps: 'Done at once: this method has nothing to learn step by step.',
    curves: 'Course of the training',
    loss: 'Loss',
    accuracy: 'Accuracy',
    /** A triple: two photos of one class and one of another. It is in order where the two are the more alike. */
    order: 'Triples in order',
    entropy: 'Entropy',
    curveEmpty: 'The curves of the next training appear here.',
    curveSummary: (
      /** @type {number} */ steps,
      /** @type {string} */ lossFrom,
      /** @type {string} */ lossTo,
      /** @type {string} */ accuracy,
      /** @type {string} */ entropyFrom,
      /** @type {string} */ entropyTo,
    ) =>
      `After ${steps} steps: loss from ${lossFrom} to ${lossTo}, accuracy ${accuracy}, entropy from ${entropyFrom} to ${entropyTo}.`,
    metricCurveSummary: (
      /** @type {number} */ steps,
      /** @type {string} */ lossFrom,
      /** @type {string} */ lossTo,
      /** @type {string} */ order,
    ) => `After ${steps} steps: loss from ${lossFrom} to ${lossTo}, ${order} of the triples in order.`,
    method: 'Method',
    otherMethods: 'Other methods',
    otherMethod: (/** @type {string} */ name) => `Other methods: ${name}`,
    groups: {
      tune: 'Train the classes otherwise',
      compare: 'Only compare',
      metric: 'Learn what “alike” means',
    },
    metricLoaded: 'A learned metric is loaded. Remove it to train another.',
    methods: {
      finetune: { name: 'Automatic', hint: 'Learns what sets your classes apart. Recommended.' },
      'finetune-plain': { name: 'Textbook', hint: 'Learns by the recipe of the textbooks, for comparison.' },
      prototype: { name: 'Prototypes', hint: 'Compares with the mean of each class’s photos.' },
      nearest: { name: 'Nearest photo', hint: 'Takes the class of the one most similar photo.' },
      siamese: { name: 'Siamese network', hint: 'Learns whether two photos show the same thing.' },
      triplet: { name: 'Triplets', hint: 'Learns to put a photo nearer to its class than to others.' },
      'cosine-metric': { name: 'Cosine metric', hint: 'Learns to point the photos of a class the same way.' },
      deep: { name: 'Deep', hint: 'Retrains the network’s last layer too. Takes a minute or more; 200 photos at most.' },
    },
    settings: 'Settings',
    reset: 'Reset',
    fields: {
      steps: 'Steps',
      learningRate: 'Learning rate',
      useEntropy: 'Reward sure answers (entropy)',
      fitScale: 'Fit the scale to your photos',
      entropyWeight: 'Its weight λ',
      scale: 'Scale',
      learnScale: 'Learn the scale too',
      initialisation: 'Start from',
      similarity: 'Compare by',
    },
    initialisations: { prototypes: 'Prototypes', random: 'Random' },
    similarities: { cosine: 'Cosine', dot: 'Dot product' },
    between: (/** @type {number} */ least, /** @type {number} */ most) => `Enter a number from ${wholeFormat.format(least)} to ${wholeFormat.format(most)}.`,
    above: (/** @type {number} */ above, /** @type {number} */ most) => `Enter a number above ${wholeFormat.format(above)}, at most ${wholeFormat.format(most)}.`,
  },

  cards: {
    start: 'Try the animal cards',
    project: 'Animal cards',
    quiz: 'Quiz',
    about: 'It has seen one card of each animal. These are new ones, drawn otherwise.',
    ask: 'Draw six new cards',
    none: 'This device has too few emoji to draw animal cards.',
    animals: /** @type {Record<string, string>} */ ({
      fox: 'Fox',
      squirrel: 'Squirrel',
      rabbit: 'Rabbit',
      hamster: 'Hamster',
      otter: 'Otter',
      beaver: 'Beaver',
      cat: 'Cat',
      panda: 'Panda',
      frog: 'Frog',
      pig: 'Pig',
      penguin: 'Penguin',
      octopus: 'Octopus',
    }),
  },

  projects: {
    untitled: 'Untitled project',
    name: 'Project',
    states: {
      empty: 'Nothing to keep yet',
      unsaved: 'Keeping…',
      saved: 'Kept in this browser',
      failed: 'Not kept',
      taken: 'Open in another tab',
    },
    save: 'Save file',
    saveHint: 'Save photos, classes and training as a .glimpse file',
    load: 'Open file',
    loadHint: 'Open a .glimpse file, or a zip of photos in a folder for each class',
    create: 'New project',
    others: 'Other projects in this browser',
    about: (/** @type {string[]} */ classes, /** @type {number} */ count, /** @type {number} */ bytes, /** @type {number} */ updated) =>
      `${classes.slice(0, 4).join(', ')}${classes.length > 4 ? ' …' : ''} · ${photos(count)} · ${megabytes(bytes)} MB · ${dateFormat.format(updated)}`,
    remove: (/** @type {string} */ name) => `Delete project ${name}`,
    removed: (/** @type {string} */ name) => `Deleted the project “${name}”.`,
    gone: 'That project is no longer there.',
    space: (/** @type {number} */ used, /** @type {number} */ most, /** @type {boolean} */ persisted) =>
      `${megabytes(used)} MB of ${wholeFormat.format(most / 1e9)} GB used. ${persisted ? 'The browser keeps it until you delete it.' : 'The browser may delete it when the disk gets full.'}`,
    file: (/** @type {string} */ name) => `${name.replace(/[\\/:*?"<>|]+/g, ' ').trim() || 'project'}.glimpse`,
    metric: 'metric.safetensors',
    added: (/** @type {string} */ name) => `Added what was in “${name}”.`,
    notKept: 'What you do now is not kept.',
    retry: 'Try again',
    taken: 'This project was opened or deleted in another tab.',
    takenDo: 'It goes on there; changes made here are not kept.',
    claim: 'Go on here',
    import: {
      title: (/** @type {string} */ name) => `Open “${name}”?`,
      about: (/** @type {number} */ classes, /** @type {number} */ count) =>
        `It has ${classes === 1 ? '1 class' : `${classes} classes`} and ${photos(count)}. Your project stays in this browser either way.`,
      open: 'Open it',
      add: 'Add its photos to this project',
      cancel: 'Cancel',
    },
  },

  embedding: {
    title: 'Embedding',
    own: 'The network’s own',
    ownAbout: 'A learned metric can take its place, under every method.',
    metric: (/** @type {string} */ name) => `Learned metric ${name}`,
    about: (/** @type {string} */ method, /** @type {number} */ classes, /** @type {number} */ images) =>
      `${method}, trained on ${photos(images)} of ${classes === 1 ? '1 class' : `${wholeFormat.format(classes)} classes`}. Every method now works with it.`,
    load: 'Load metric',
    loadHint: 'Load a learned metric, a .safetensors file',
    remove: 'Remove',
    save: 'Save metric',
    saveHint: 'Save the metric that was learnt from your photos, to load it later or elsewhere',
    file: (/** @type {string} */ method, /** @type {number} */ classes) => `${method}-${classes}-classes.safetensors`,
    used: (/** @type {string} */ name) => `${name} is the embedding now.`,
    removed: 'The network’s own embedding is used again.',
    otherNetwork: (/** @type {string} */ name) => `${name} was removed: it was trained with another network.`,
  },

  prediction: {
    none: 'Add a photo to two classes, and predictions appear here.',
    noneYet: 'Nothing to name yet',
    methods: {
      finetune: 'Named by the trained classes (Automatic).',
      'finetune-plain': 'Named by the trained classes (Textbook).',
      prototype: 'Named by prototypes. Training may do better.',
      nearest: 'Named by the nearest photo.',
      siamese: 'Named by the Siamese network.',
      triplet: 'Named by the nearest photo (Triplets).',
      'cosine-metric': 'Named by prototypes in the learned metric (Cosine metric).',
      deep: 'Named by the retrained network (Deep).',
    },
    noneOfThese: 'None of these',
    closest: (/** @type {string} */ name) => `closest: ${name}`,
    familiarity: (/** @type {number} */ share) => `Sure that it is one of them: ${percent(share)}.`,
    roughFamiliarity: (/** @type {number} */ share) =>
      `Sure that it is one of them: ${percent(share)} – a rough guess: one photo per class.`,
    nearest: (/** @type {string} */ similarity) => `Most similar photo, similarity ${similarity}`,
    nearestShort: (/** @type {string} */ similarity) => `most similar: ${similarity}`,
    winner: (/** @type {string} */ name, /** @type {string} */ share) => `${name}, ${share}`,
    probabilities: 'How sure it is of each class',
    more: (/** @type {number} */ count) => `and ${count} more`,
  },

  strictness: {
    label: 'How strict',
    hint: 'Photos that are less surely one of the classes are called “None of these”.',
  },

  live: {
    title: 'Live camera',
    start: 'Start camera',
    stop: 'Stop camera',
    freeze: 'Freeze',
    goOn: 'Go on',
    really: 'No, this is',
    choose: 'Choose…',
    corrected: (/** @type {string} */ name) => `Learnt as ${name}.`,
    aloud: 'Say it aloud',
    rate: (/** @type {string} */ perSecond, /** @type {number} */ milliseconds) => `${perSecond} a second · ${duration(milliseconds)} each`,
    off: 'Ready. Start the camera, or choose photos below.',
    waitingForEngine: 'Predictions begin when the network is here.',
    idle: 'Start the camera, and it names what it sees.',
  },

  keys: {
    title: 'Keys',
    close: 'Close',
    on: 'Letters press buttons',
    caps: /** @type {Record<string, string>} */ ({ space: 'Space', delete: 'Delete', arrows: '← →', escape: 'Esc' }),
    names: {
      a: 'Add a class',
      t: 'Train',
      c: 'Start or stop the live camera',
      f: 'Freeze its picture, or go on',
      u: 'Undo what was just done',
      space: 'On the shutter: take a photo; held, a burst',
      delete: 'On a photo: remove it',
      arrows: 'In a large photo: the one before, the next',
      escape: 'Close what is open',
      '?': 'Show these keys',
    },
  },

  tests: {
    title: 'Photos to try',
    choose: 'Photos',
    chooseHint: 'Choose photos to try',
    folder: 'Folders',
    folderHint: 'Choose folders of photos to try: a folder’s name says what its photos really are',
    truth: 'Really:',
    truthFor: (/** @type {string} */ name) => `What ${name} really is`,
    noTruth: '–',
    empty: { mouse: 'Drop photos here that it has not seen.', touch: 'Choose photos that it has not seen.' },
    clear: 'Clear',
    remove: (/** @type {string} */ name) => `Remove ${name}`,
    removed: 'Removed the photo.',
    cleared: (/** @type {number} */ count) => `Removed ${photos(count)}.`,
    waiting: 'Waiting…',
    unnamed: 'Photo',
  },

  assessment: {
    title: 'How well does it do?',
    empty: 'Add a second photo to a class, or say what the photos to try really are, and the score appears here.',
    sources: {
      tests: (/** @type {number} */ right, /** @type {number} */ all) => `${right} of ${photos(all)} to try named right`,
      shots: (/** @type {number} */ right, /** @type {number} */ all) =>
        `${right} of your own ${photos(all)} named right, each photo named by the others`,
    },
    matrix: 'What is taken for what',
    caption: 'Each row is what a photo really is, each column what it was called.',
    right: 'Right',
    noPhoto: '–',
  },

  pair: {
    title: 'Same or different?',
    places: ['First photo', 'Second photo'],
    choose: ['Choose the first photo to compare', 'Choose the second photo to compare'],
    remove: ['Remove the first photo', 'Remove the second photo'],
    snap: 'Snap',
    signs: { open: '?', same: '=', different: '≠' },
    states: {
      none: 'This is answered by a Siamese network, which learns from your classes when two photos show the same thing.',
      training: 'The Siamese network is being trained.',
      empty: 'Choose two photos, or drop them here.',
      one: 'Now the other photo.',
      waiting: 'Reading the photos.',
    },
    answers: {
      same: (/** @type {number} */ share) => `Same, ${nearlySure(share)} sure`,
      different: (/** @type {number} */ share) => `Different, ${nearlySure(share)} sure`,
    },
    byTrained: 'Says the Siamese network that learnt from your photos.',
    byLoaded: (/** @type {string} */ name) => `Says the Siamese network ${name}.`,
    train: 'Train a Siamese network',
    otherMetric: 'A metric of another kind is loaded. Remove it first, in step 2.',
  },

  why: {
    ask: 'Why?',
    askFor: (/** @type {string} */ name) => `Why ${name} was named so`,
    title: 'Why this answer?',
    close: 'Close',
    spokeFor: 'What spoke for',
    noClass: 'Nothing',
    waiting: 'Looking closely…',
    for: 'for it',
    against: 'against it',
    strongest: (/** @type {string} */ name, /** @type {string} */ place) => `Most of what speaks for ${name} lies ${place}.`,
    /** Row by row, from the top left. */
    places: ['at the top left', 'at the top', 'at the top right', 'on the left', 'in the middle', 'on the right', 'at the bottom left', 'at the bottom', 'at the bottom right'],
    nearest: 'Most similar photos',
    classes: 'What each class has of it',
    columns: { name: 'Class', similarity: 'Similarity to its prototype', before: 'By prototypes', after: 'Trained' },
    note: 'A spot speaks for a class where the answer would be less sure without it.',
  },

  hood: {
    title: 'Under the hood',
    none: 'Add a photo to two classes, and there is something to see.',
    shot: (/** @type {number} */ number, /** @type {string} */ name) => `photo ${number} of ${name}`,
    left: (/** @type {number} */ shown, /** @type {number} */ all) => `Shown are ${wholeFormat.format(shown)} of ${photos(all)}, the same number of each class.`,
    switches: 'To see what each trick does, change it in the settings above, train again and compare: where the classes start from, cosine or dot product, the entropy, the scale.',
    similarity: {
      title: 'How alike the photos are',
      keys: 'Similarities of all photos with each other. The arrow keys go from pair to pair.',
      pair: (/** @type {string} */ first, /** @type {string} */ second, /** @type {string} */ similarity) => `${first} and ${second}: ${similarity}`,
      both: (/** @type {string} */ within, /** @type {string} */ between) =>
        `A row and a column for each photo, as a Siamese network compares them: 1 is the same direction. Photos of one class are alike by ${within} on average, photos of different classes by ${between}.`,
      onlyBetween: (/** @type {string} */ between) =>
        `A row and a column for each photo, as a Siamese network compares them: 1 is the same direction. Photos of different classes are alike by ${between} on average.`,
      classes: 'Means, class by class',
    },
    plane: {
      title: 'A map of the photos',
      query: 'photo to try',
      note: (/** @type {number} */ share, /** @type {boolean} */ queries) =>
        `Dots are photos, rings are prototypes${queries ? ', crosses are photos to try' : ''}. The map shows ${percent(share)} of how the photos differ (principal components); the network sees the rest as well.`,
    },
    prototypes: {
      title: 'The prototype matrix M',
      note: (/** @type {number} */ classes, /** @type {number} */ length) =>
        `A row for each of ${classes} classes: the mean of its photos, ${wholeFormat.format(length)} numbers. Orange is above 0, blue below. A photo is compared with every row.`,
      table: 'How alike the prototypes are',
    },
  },

  primer: {
    title: 'How it works: a primer',
    link: 'How does it work?',
  },

  tour: {
    start: 'Tour',
    back: 'Back',
    next: 'Next',
    done: 'Done',
    skip: 'Skip the tour',
    count: (/** @type {number} */ step, /** @type {number} */ steps) => `${step} of ${steps}`,
    parts: [
      { title: 'Show', words: 'A card for each thing. Give it a name and a few photos: from files, dropped, pasted, or with the camera.' },
      { title: 'Train', words: 'It answers as soon as two things have a photo. Training fits it to your photos, in a second or two.' },
      { title: 'Try', words: 'Start the camera, or choose photos below: it names what it sees. “Why?” says what spoke for the answer.' },
      { title: 'Keep', words: 'All of it stays in this browser. Here you save it as a file, or open another project.' },
      { title: 'Share', words: 'Once it is trained, a link holds what it learnt. Whoever opens it can try it; your photos are not in it.' },
    ],
  },

  share: {
    title: 'Share',
    button: 'Make a link',
    hint: 'Whoever opens it can try photos and camera with what was trained here.',
    reasons: {
      untrained: 'Train first: a link holds what was trained.',
      stale: 'Train again first: the photos have changed.',
      method: (/** @type {string} */ name) =>
        `The method “${name}” needs more than fits into a link. Save a file instead, or train by “Automatic”.`,
      metric: 'A learned metric is too large for a link. Save a file instead, or remove the metric and train again.',
    },
    file: 'Save a project file',
    ready: 'Your link is ready',
    contents: (/** @type {number} */ classes) =>
      `The classifier is in the link itself: the names of ${wholeFormat.format(classes)} classes, and vectors that were computed from your photos. The photos are not.`,
    address: 'Address of the link',
    length: (/** @type {number} */ characters) => `${wholeFormat.format(characters)} characters, too many for a QR code. Links of two classes trained by “Prototypes” are short enough.`,
    scan: 'Or point a phone’s camera at it.',
    qr: 'QR code of the link',
    copy: 'Copy',
    hand: 'Share',
    copied: 'Copied.',
    copyByHand: 'The browser does not let the page copy. The address is selected: copy it yourself.',
    close: 'Close',
  },

  viewer: {
    intro: 'Somebody taught Glimpse to tell a few things apart, and shared it with you.',
    classes: 'It knows',
    about: 'Try it with your camera or with photos. They stay on your device.',
    own: 'Make it yours',
    ownHint: 'Begins with the same names, for photos of your own.',
    leave: 'Open Glimpse without it',
  },

  export: {
    title: 'Take it elsewhere',
    names: {
      onnx: 'Classifier (ONNX)',
      head: 'Head (.safetensors)',
      answers: 'Results (CSV)',
      photos: 'Photos (.zip)',
      csv: 'Embeddings (CSV)',
      npy: 'Embeddings (.npy)',
    },
    files: {
      onnx: 'classifier.onnx',
      head: 'head.safetensors',
      answers: 'results.csv',
      photos: 'photos.zip',
      csv: 'embeddings.csv',
      npy: 'embeddings.npy',
    },
    hints: {
      onnx: (/** @type {boolean} */ redistributable) =>
        `The network with your classes, about 45 MB. It looks at one view of a photo. ${redistributable ? 'Its licence lets you pass it on.' : 'For your own use: this network may not be passed on.'}`,
      head: 'What was trained, without the network: weights, bias, scale and origin.',
      photos: 'The photos of your classes, a folder for each. Opens here again, too.',
      answers: 'A row for each photo to try: its answer, and how sure it is of each class.',
      csv: 'A row for each photo of your classes: class, name, 1536 numbers.',
      npy: 'The same numbers for NumPy, row by row.',
    },
    reasons: {
      engine: 'Waiting for the network.',
      shots: 'Add a photo to a class first.',
      classes: 'Add a photo to two classes first.',
      head: 'Train first.',
      photos: 'Add a photo to try first.',
    },
    making: 'Being made …',
  },

  engine: {
    label: 'Engine',
    working: (/** @type {number} */ count) => `Reading ${photos(count)}`,
    phases: {
      module: 'Loading the engine',
      weights: (/** @type {number} */ loaded, /** @type {number} */ total) => `Network: ${megabytes(loaded)} of ${megabytes(total)} MB`,
      backend: 'Warming up',
    },
    ready: (/** @type {string} */ backend, /** @type {number} */ milliseconds) => `${backend} · ${duration(milliseconds)}`,
    failed: 'Not running',
    backends: { cpu: 'CPU', candle: 'CPU (Candle)', webgpu: 'WebGPU', wgpu: 'WebGPU (Burn)' },
    terms: {
      backend: 'Computes on',
      adapter: 'Adapter',
      reason: 'Why not WebGPU',
      speed: 'One photo takes',
      views: 'Views of a photo',
      network: 'Network',
      source: 'From',
      size: 'Size',
      kept: 'Kept',
    },
    milliseconds: (/** @type {number} */ value) => duration(value),
    size: (/** @type {number} */ bytes) => `${megabytes(bytes)} MB`,
    views: {
      all: (/** @type {number} */ count) => `${count}, for accuracy; the live camera uses 1`,
      asked: (/** @type {number} */ count) => `${count}, because the address asks for it: quicker, less accurate`,
      slow: (/** @type {number} */ count) => `${count}, because this device is slow: quicker, less accurate`,
    },
    unknownAdapter: 'The browser does not tell its name.',
    kept: {
      cache: 'in this browser; nothing was fetched',
      fetched: 'in this browser, for the next visit',
      not: 'no: this browser lets the page keep nothing',
      own: 'in this browser; it is your file',
      ownNot: 'no: the browser has no room for your file, so a reload brings Glimpse’s own network back',
    },
    leaveNetwork: 'Back to Glimpse’s own network',
    unchecked: 'Not checked: only secure pages (https or localhost) can check what was fetched.',
    reasons: {
      forced: () => 'The address asks for the CPU.',
      'no-webgpu': () => 'This browser has no WebGPU.',
      'no-adapter': () => 'WebGPU found no graphics adapter.',
      'software-adapter': (/** @type {string} */ detail) => `The adapter is a program (${detail}), slower than the CPU path.`,
      differs: (/** @type {string} */ detail) => `Its answer differed from the reference (cosine ${detail}).`,
      failed: (/** @type {string} */ detail) => `WebGPU failed: ${detail}`,
      crashed: (/** @type {string} */ detail) => `WebGPU crashed: ${detail}`,
    },
    restarted: 'The engine stopped and was restarted. Your photos are still here.',
  },

  offline: {
    newVersion: 'A new version of this page is ready.',
    reload: 'Reload',
  },

  banner: {
    untrained: 'Untrained network: its answers mean nothing.',
    untrainedDo: 'Run “cargo glimpse weights”, or drop a ResNet-18 .safetensors file here.',
    retry: 'Retry',
  },

  /** What an error code means for the visitor, and what to do. */
  errors: {
    'photo-empty': 'The file is empty. Choose a photo that opens elsewhere.',
    'photo-corrupt': 'The photo is damaged or cut off. Copy or save it again.',
    'photo-format': 'This browser cannot read that picture format. Save it as JPEG or PNG.',
    'photo-not-image': 'This is not a picture. Choose a JPEG, PNG, WebP, GIF or BMP photo.',
    'photo-too-large': 'The picture has more than 64 megapixels. Make it smaller first.',
    'photo-crashed': 'The engine stopped twice at this photo, so it was left out.',
    'file-unreadable': 'The browser may not read this file, or it has moved. Choose it again.',
    'too-many-shots':
      'The method “Deep” learns from at most 200 photos. Delete some, switch classes off, or choose another method; without a limit it runs as “cargo glimpse fit --method deep”.',
    'embedding-not-finite': 'The network has no answer for this picture. Choose another one.',
    'weights-missing': 'The server has no network in its folder “weights”. Run “cargo glimpse weights” there, then retry.',
    'weights-download': 'The network could not be fetched. Check the connection, then retry.',
    'weights-truncated': 'The network arrived incomplete. Retry.',
    'weights-changed': 'The file that arrived is not the network it should be. Retry; if that does not help, prepare the weights again.',
    'weights-format': 'This is not a readable network. A ResNet-18 state dict as .safetensors is needed.',
    'weights-missing-tensor': 'This network is not a ResNet-18: a part is missing.',
    'weights-unexpected-tensor': 'This network is not a ResNet-18: it has parts that do not belong.',
    'weights-shape': 'This network is of another architecture. A ResNet-18 is needed.',
    'weights-not-finite': 'This network holds numbers that are not finite: it is damaged.',
    manifest: 'weights/manifest.json cannot be used. Run “cargo glimpse weights” again, then retry.',
    module: 'The engine could not be loaded. Check the connection, then retry.',
    worker: 'The engine could not be loaded. Check the connection, then retry.',
    crashed: 'The engine stopped. Retry, or reload the page.',
    backend: 'The computation failed. Retry, or open this page with ?backend=cpu.',
    'webgpu-no-webgpu': 'The address asks for WebGPU, but this browser has none. Open the page without ?backend=webgpu.',
    'webgpu-no-adapter': 'The address asks for WebGPU, but it found no graphics adapter. Open the page without ?backend=webgpu.',
    'webgpu-differs': 'The address asks for WebGPU, but its answers differ from the reference. Open the page without ?backend=webgpu.',
    'webgpu-failed': 'The address asks for WebGPU, but it failed. Open the page without ?backend=webgpu.',
    'storage-none': 'This browser window keeps nothing; it may be a private one. Save a file before you leave.',
    'storage-full': 'There is no room left. Delete other projects or make room on the disk, or save a file.',
    'storage-newer': 'These projects were made by a newer Glimpse. Reload the page to get it.',
    'storage-closed': 'The browser closed what it keeps for this page. Try again.',
    'storage-failed': 'The browser could not write it. Try again, or save a file.',
    'metric-file': 'This is not a learned metric that can be used, or it is damaged. Save it again, or train it anew.',
    'metric-network': 'This metric was trained with another network than the one that runs here. Train it with this one, or bring the other.',
    model: 'What was trained could not be read. Train again.',
    'model-network': 'What was trained belongs to another network than the one that runs here. Train again.',
    'stale-head': 'What was trained belongs to other photos than these. Train again.',
    'project-format': 'This is neither a Glimpse project nor a zip of photos in folders.',
    'project-damaged': 'The project file is damaged, or something in it is not allowed. Nothing was changed. Save or copy it again.',
    'project-newer': 'This project was saved by a newer Glimpse. Reload the page, then open it again.',
    'project-too-large': 'There is too much in this file: at most 1,000 classes, 20,000 photos and 4 GB are taken. Nothing was changed.',
    'project-encrypted': 'This zip is locked with a password. Unpack it, then drop the folder here.',
    'link-damaged': 'This link is damaged or cut off. Ask for it again, and copy it as a whole.',
    'link-newer': 'This link was made by a newer Glimpse. Reload the page; if that does not help, open it where it was made.',
    'link-network': 'This link was made for another network than the one here, so its answers would mean nothing.',
    'link-limit': 'A link holds 100 classes at most, with names of up to 100 characters. Remove or shorten some.',
    'link-untrained': 'Train first: a link holds what was trained.',
    'pth-checkpoint': 'A .pth or .pt file has to be converted first: cargo glimpse weights --from FILE. Then drop the .safetensors file here.',
  },
  unknownError: (/** @type {string} */ message) => `Something went wrong: ${message}`,

  problems: {
    title: (/** @type {number} */ count) => (count === 1 ? '1 file was left out' : `${count} files were left out`),
    dismiss: 'Dismiss',
  },

  toast: {
    undo: 'Undo',
    dismiss: 'Dismiss',
    checkpoint: (/** @type {string} */ name) => `${name} is the network now.`,
    networkLeft: 'Glimpse’s own network is in use again.',
    classesAdded: (/** @type {number} */ count, /** @type {number} */ shots) =>
      `Reading ${shots === 1 ? '1 file' : `${shots} files`} for ${count === 1 ? '1 class' : `${count} classes`}.`,
  },
};
