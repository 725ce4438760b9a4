// The primer's words, in English. What stands in a chapter besides words, its figure, formula and papers, is in `views/primer-chapters.js`.
// `zh.js` says the same in Chinese; a test holds the two to one shape.

export const primer = {
  contents: 'Chapters',
  formula: 'Formula',
  read: 'To read',
  figures: {
    support: (/** @type {number} */ way, /** @type {string} */ shots) => `Your support set: ${way} classes, ${shots}. A row for each class.`,
    cards: 'A support set of animal cards, a row for each class. With photos of your own, this primer shows those.',
    shotsEach: (/** @type {number} */ least, /** @type {number} */ most) => (least === most ? `${least} of each` : `${least} to ${most} of each`),
    episode: (/** @type {number} */ number) => `Episode ${number}: other classes, the same task`,
    training: 'The network’s training set: a million photos of a thousand other things',
    supportSet: 'Support set: the few photos of your classes',
    query: 'Query: a photo to be named',
    accuracy: 'How often this page was right about photos of flowers it had not seen. More shots make it easier, more ways harder.',
    shots: (/** @type {number} */ shot) => `${shot}-shot`,
    ways: (/** @type {number} */ way) => `${way}-way`,
    same: 'Two photos of one class: the answer should be 1.',
    different: 'Two photos of different classes: the answer should be 0.',
    triple: ['Anchor', 'Positive: the same class', 'Negative: another class'],
    steps: ['1. Learn to see: a thousand things, a million photos', '2. Learn to compare: which photos are alike', '3. A few photos of yours'],
    prototype: (/** @type {string} */ name) => `The photos of ${name} and their mean, which stands for the class.`,
    mean: 'mean',
    softmax: (/** @type {string} */ similarities) => `What softmax makes of the similarities ${similarities}`,
    scales: ['without a scale', 'times 10', 'times 30'],
  },
  chapters: {
    few: {
      title: 'A few photos are enough',
      words: [
        'Ordinary image classifiers need thousands of photos of each thing. You need a few: whoever has seen one otter recognises the next. Few-shot learning wants machines to do the same.',
        'The trick is not to begin at nothing. A network that has seen a million photos knows fur, petals and wheels already. What it says of a photo, a list of numbers called embedding, is much the same for photos of one thing. A few photos then tell it where your things lie.',
      ],
    },
    meta: {
      title: 'Learning to learn',
      words: [
        'A classifier learns to tell cats from dogs. Meta-learning learns something else: how to tell apart things that it never saw, from a few examples. What is learnt is a way to compare, and it stays useful when the classes change.',
        'It is practised in episodes: take some classes, show a few photos of each, ask about others, and correct what went wrong. In the next episode the classes are different ones.',
      ],
    },
    sets: {
      title: 'Training set, support set, query',
      words: [
        'The training set taught the network to see. It is large, and your classes need not be in it. The support set is small: the photos that you show here. A query is a photo that is to be named as one of the support set’s classes.',
        'The support set is too small to train a deep network on. It tells a trained one what to look for.',
      ],
    },
    ways: {
      title: 'k-way, n-shot',
      words: [
        'A support set of k classes with n photos each is called k-way, n-shot. Six animals with one card each are 6-way 1-shot.',
        'More ways are harder: who guesses is right once in k times. More shots are easier: one photo may be odd, the mean of five hardly is.',
      ],
    },
    siamese: {
      title: 'Siamese networks',
      words: [
        'Two photos go through the same network, like twins. The difference of their embeddings says how likely it is that both show the same thing. It learns from pairs: 1 for two photos of a class, 0 for others.',
        'To name a query, it is compared with every photo of the support set. The method “Siamese network” does so here, and “Same or different?” shows it for two photos.',
      ],
    },
    triplet: {
      title: 'Triplet loss',
      words: [
        'Three photos at a time: an anchor, one of the same class, one of another. The first two are to be nearer to each other than the anchor to the third, by a margin α. Where that is so already, nothing is to be learnt; else the photos are moved.',
        'What comes of it is a space in which near means alike.',
      ],
    },
    pretraining: {
      title: 'Pretraining in two steps',
      words: [
        'First the network learns to see, as an ordinary classifier of many classes: this one learnt a thousand, from ImageNet. Its last layer, which names those, is then taken off; what is below it is the embedding.',
        'Second, it can learn to compare: with pairs, triplets or similarities, on classes that resemble yours. This helps with what it learnt and can hurt with what it did not, so the page does without it unless you load or train a metric.',
      ],
    },
    prototypes: {
      title: 'Prototypes',
      words: [
        'The mean of a class’s embeddings, brought to length 1, is its prototype: what its photos have in common. Together the prototypes are the matrix M, a row for each class.',
        'A query is compared with each row. The cosine of the angle between them is the similarity, and softmax makes probabilities of similarities. Nothing has to be trained: the page answers so as soon as two classes have a photo.',
      ],
    },
    finetuning: {
      title: 'Fine-tuning and its three tricks',
      words: [
        'The prototypes are a good beginning, and they can be improved: weights W and a bias b are trained on the support set, so that the right class gets the highest probability. With so few photos it goes wrong easily, and three tricks keep it from that.',
        'Begin at the prototypes: W = M and b = 0, so that it is good before the first step. Reward sure answers: the entropy of the probabilities is added to the loss, weighted by λ. Compare by cosine: rows and queries have length 1, so no class wins by being long.',
        'Bare cosines lie between −1 and 1, and softmax over them is nearly flat. So they are multiplied by a scale, which the page fits to your photos. Every trick can be switched off in the settings of step 2; “Under the hood” shows what follows.',
      ],
    },
  },
};
