//! A folder of classes with the embeddings of all its photos, computed once: they are kept beside the weights, by the
//! photo's content and the weight file's hash.

use std::{
    fs,
    num::NonZero,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use super::{
    files::{io, read, replace},
    folder::{self, ClassFolder},
    weights,
};
use crate::{
    Embedding, Error, Picture, StateDict,
    backend::{Backbone, BackendKind},
    embedder::{Views, embed},
    embedding::LENGTH,
    manifest::{Manifest, sha256},
};

/// Part of the kept files' place: another number where the way from photo to embedding has changed.
const VERSION: u32 = 1;
/// Folder in the weights folder that holds what was computed.
const KEPT: &str = "embeddings";

/// One photo, embedded from all views and from one.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// From all views: for shots, and for photos that are looked at thoroughly.
    pub all: Embedding,
    /// From one view: what the live loop sees.
    pub one: Embedding,
}

/// One class.
#[derive(Debug, Clone)]
pub struct LibraryClass {
    /// The folder's name.
    pub name: String,
    /// Its photos, in the order of their names.
    pub items: Vec<Item>,
}

/// Embeds the photos of classes, or takes what was kept. `progress` is told how many of how many are done.
///
/// # Errors
/// Those of [`folder::read_picture`] with the photo's path, of [`weights::load`] and of the backend; [`Error::Io`].
pub fn embed_classes(
    classes: &[ClassFolder],
    weights_folder: &Path,
    backend: BackendKind,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<LibraryClass>, Error> {
    let (manifest, state_dict) = weights::open(weights_folder)?;
    let work = Work {
        photos: classes.iter().flat_map(|class| &class.photos).collect(),
        state_dict,
        backend,
        kept: kept_folder(weights_folder, &manifest, backend)?,
        next: AtomicUsize::new(0),
        progress,
    };
    let mut items = work.run()?.into_iter();
    let take = |class: &ClassFolder| LibraryClass {
        name: class.name.clone(),
        items: items.by_ref().take(class.photos.len()).collect(),
    };
    Ok(classes.iter().map(take).collect())
}

/// A `progress` for [`embed_classes`]: a line for every so many photos, and for the last one.
pub fn progress_lines(every: usize, say: &(dyn Fn(&str) + Sync)) -> impl Fn(usize, usize) + Sync {
    move |done, all| {
        if done == all || done.is_multiple_of(every) {
            say(&format!("{done} of {all} photos embedded"));
        }
    }
}

/// Where the embeddings of these weights are kept.
fn kept_folder(weights_folder: &Path, manifest: &Manifest, backend: BackendKind) -> Result<PathBuf, Error> {
    let place = format!("{}-{backend}-v{VERSION}", &manifest.sha256[..16]);
    let folder = weights_folder.join(KEPT).join(place);
    fs::create_dir_all(&folder).map_err(io(&folder))?;
    Ok(folder)
}

/// Photos that several threads share out among themselves.
struct Work<'a> {
    photos: Vec<&'a PathBuf>,
    state_dict: StateDict,
    backend: BackendKind,
    kept: PathBuf,
    /// The first photo that nobody has taken yet.
    next: AtomicUsize,
    progress: &'a (dyn Fn(usize, usize) + Sync),
}

impl Work<'_> {
    /// One item per photo, in their order.
    fn run(&self) -> Result<Vec<Item>, Error> {
        let threads = match self.backend {
            BackendKind::Cpu => thread::available_parallelism().map_or(1, NonZero::get),
            // These use all of the machine by themselves.
            BackendKind::Candle | BackendKind::WebGpu | BackendKind::Wgpu => 1,
        };
        let parts = thread::scope(|scope| {
            let handles: Vec<_> = (0..threads).map(|_| scope.spawn(|| self.run_one_thread())).collect();
            handles.into_iter().map(|handle| handle.join()).collect::<Vec<_>>()
        });
        let mut numbered = Vec::with_capacity(self.photos.len());
        for part in parts {
            let part = part.map_err(|_| Error::Backend {
                backend: self.backend.name(),
                reason: "a thread panicked; please report this".into(),
            })?;
            numbered.extend(part?);
        }
        numbered.sort_by_key(|(number, _)| *number);
        Ok(numbered.into_iter().map(|(_, item)| item).collect())
    }

    /// Takes photos until none is left. The network is only started for a photo that was not kept.
    fn run_one_thread(&self) -> Result<Vec<(usize, Item)>, Error> {
        let mut backbone = None;
        let mut done = Vec::new();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = self.photos.get(number) else {
                return Ok(done);
            };
            let bytes = read(path)?;
            let kept = self.kept.join(sha256(&bytes));
            let item = match read_kept(&kept) {
                Some(item) => item,
                None => {
                    let backbone = match &mut backbone {
                        Some(backbone) => backbone,
                        slot => slot.insert(pollster::block_on(Backbone::start(
                            self.backend,
                            self.state_dict.clone(),
                        ))?),
                    };
                    let item = pollster::block_on(embed_item(backbone, &folder::picture_of(path, &bytes)?))?;
                    keep(&kept, &item)?;
                    item
                }
            };
            done.push((number, item));
            (self.progress)(number + 1, self.photos.len());
        }
    }
}

async fn embed_item(backbone: &Backbone, picture: &Picture) -> Result<Item, Error> {
    Ok(Item {
        all: embed(backbone, picture, Views::All).await?,
        one: embed(backbone, picture, Views::One).await?,
    })
}

/// What was kept, if it is there and whole; otherwise it is computed again.
fn read_kept(path: &Path) -> Option<Item> {
    let bytes = fs::read(path).ok()?;
    let values: Vec<f32> = bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|&chunk| f32::from_le_bytes(chunk))
        .collect();
    let (all, one) = values.split_at_checked(LENGTH)?;
    Some(Item {
        all: Embedding::new(all.to_vec()).ok()?,
        one: Embedding::new(one.to_vec()).ok()?,
    })
}

fn keep(path: &Path, item: &Item) -> Result<(), Error> {
    let values = item.all.values().iter().chain(item.one.values());
    let bytes: Vec<u8> = values.flat_map(|value| value.to_le_bytes()).collect();
    replace(path, &bytes)
}
