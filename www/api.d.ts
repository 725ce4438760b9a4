/** A picture: a file's bytes, or anything that the browser can draw. */
export type Photo = Blob | HTMLImageElement | HTMLCanvasElement | HTMLVideoElement | OffscreenCanvas | ImageBitmap | ImageData;

export interface ClassifierOptions {
  /** `auto` takes WebGPU where there is a graphics adapter. */
  backend?: 'auto' | 'cpu' | 'webgpu';
  /** From 0 to 1: a photo that is less surely one of the classes gets the label null. 0.5 where it is left out. */
  threshold?: number;
}

export interface Result {
  /** The most likely class; null for none of these. */
  label: string | null;
  /** How sure it is that the photo is any of the classes, 0 to 1. */
  familiarity: number;
  /** Every class, most likely first; probabilities add up to 1. */
  scores: { label: string; probability: number }[];
}

/** What is thrown: `code` is stable, as listed in `www/strings.js` under `errors`. */
export interface ClassifierError extends Error {
  code: string;
}

/** A few-shot classifier that computes in the browser. It starts to load the network at once. */
export class Classifier {
  constructor(options?: ClassifierOptions);
  /** What a share link holds; it can be asked, and taught no more. */
  static fromLink(link: string, options?: ClassifierOptions): Promise<Classifier>;
  /** What a project file holds. What was trained is in use where the same network runs here; else `train` trains anew. */
  static fromProject(file: Blob, options?: ClassifierOptions): Promise<Classifier>;
  readonly classes: string[];
  /** Adds a photo to a class, which is made where there is none of that name. */
  add(className: string, photo: Photo): Promise<void>;
  /** Fits the classes to the photos. Before, and after further photos, it answers by prototypes. */
  train(): Promise<void>;
  classify(photo: Photo): Promise<Result>;
  /** Ends the worker; the classifier answers no more. */
  close(): void;
}
