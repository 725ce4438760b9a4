//! Share links of classifiers of real photos: they name and judge photos as what they were made of. Every photo is looked at once
//! (one view), so that a thousand of them take no longer than half a minute.

use std::{num::NonZero, path::PathBuf, thread};

use glimpse::{
    Embedding, Method, Session,
    backend::{Backbone, BackendKind},
    embedder::{Views, embed},
    finetune::TrainingRequest,
    link::LinkClass,
    native::{
        agreement::Agreement,
        folder::{self, ClassFolder},
        weights,
    },
};
use libtest_mimic::{Failed, Trial};

use crate::support::{Outcome, real_weights, shared, trial_on_shared};

pub fn trials() -> Vec<Trial> {
    vec![
        trial_on_shared("links::answer_as_their_classifiers_on_clothing", clothing),
        trial_on_shared("links::answer_as_their_classifiers_on_flowers", flowers),
    ]
}

/// Photos that are learnt of a class.
const SHOTS: usize = 5;
/// Photos that are asked about, at least, in each domain.
const ASKED: usize = 2_000;
/// Most characters of a link, by its classes: of heads that see 512 numbers, and of those that see 1,024. A link of two classes
/// leaves room for the page's address before it in a QR code.
const LONGEST: [(usize, [usize; 2]); 4] = [
    (2, [1_650, 3_000]),
    (5, [4_000, 6_500]),
    (10, [8_000, 12_700]),
    (20, [16_000, 25_000]),
];

/// One photo each, class by class.
fn embedded(classes: &[ClassFolder]) -> Result<Vec<Vec<Embedding>>, Failed> {
    let all: Vec<&PathBuf> = classes.iter().flat_map(|class| &class.photos).collect();
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let state_dict = weights::load(real_weights())?;
    let work = |photos: &[&PathBuf]| -> Result<Vec<Embedding>, glimpse::Error> {
        let backbone = pollster::block_on(Backbone::start(BackendKind::Cpu, state_dict.clone()))?;
        let embed = |photo: &&PathBuf| pollster::block_on(embed(&backbone, &folder::read_picture(photo)?, Views::One));
        photos.iter().map(embed).collect()
    };
    let parts = thread::scope(|scope| {
        let parts = all.chunks(all.len().div_ceil(threads));
        let handles: Vec<_> = parts.map(|photos| scope.spawn(|| work(photos))).collect();
        let answers = handles.into_iter().map(|handle| handle.join().expect("no panic"));
        answers.collect::<Result<Vec<_>, _>>()
    })?;
    let mut embeddings = parts.into_iter().flatten();
    let of_class = |class: &ClassFolder| embeddings.by_ref().take(class.photos.len()).collect();
    Ok(classes.iter().map(of_class).collect())
}

/// Learns some photos of `way` classes, other ones in every round, and asks both about all the classes' other photos, and about
/// photos of classes that were not learnt.
fn ask(photos: &[Vec<Embedding>], method: Method, way: usize, round: usize, agreement: &mut Agreement) -> Outcome {
    let place = |offset: usize| (round * way + offset) % photos.len();
    let fewest = photos.iter().map(Vec::len).min().unwrap_or(0);
    let turn = round % (fewest / SHOTS);
    let learnt = turn * SHOTS..(turn + 1) * SHOTS;
    let mut session = Session::default();
    for class in 0..way {
        for (shot, embedding) in photos[place(class)][learnt.clone()].iter().enumerate() {
            let id = (class * SHOTS + shot) as u32;
            session.support_mut().set_shot(class as u32, id, embedding.clone());
        }
    }
    session.train(&TrainingRequest {
        method,
        ..TrainingRequest::default()
    })?;
    let name = |class: usize| LinkClass {
        id: class as u32,
        name: format!("class {class}"),
        hue: class as u16,
    };
    let classes: Vec<LinkClass> = (0..way).map(name).collect();
    let others = |class: usize| {
        let all = photos[place(class)].iter().enumerate();
        all.filter(|(index, _)| !learnt.contains(index)).map(|(_, query)| query)
    };
    let known = (0..way).flat_map(others);
    let unknown = (way..(2 * way).min(photos.len())).flat_map(|class| &photos[place(class)]);
    agreement.ask(&mut session, &classes, &"0123456789abcdef".repeat(4), known, unknown)?;
    Ok(())
}

fn check(folder: &str, tasks: &[(Method, usize)]) -> Outcome {
    let folder = shared().expect("only called on shared").join("data").join(folder);
    let mut classes = folder::classes(&folder)?;
    classes.truncate(25);
    let photos = embedded(&classes)?;
    for &(method, way) in tasks {
        let mut agreement = Agreement::default();
        for round in 0.. {
            ask(&photos, method, way, round, &mut agreement)?;
            if agreement.asked() >= ASKED {
                break;
            }
        }
        let longest = LONGEST.iter().find(|(classes, _)| way <= *classes);
        let longest = longest.map_or(0, |(_, longest)| longest[usize::from(method == Method::Finetune)]);
        println!("{folder:?}, {method:?}, {way} classes: {agreement}");
        assert!(agreement.most_characters() <= longest, "{way} classes: {agreement}");
        assert!(agreement.alike() >= 0.99, "{method:?}, {way} classes: {agreement}");
        assert!(
            agreement.judged_alike() >= 0.99,
            "{method:?}, {way} classes: {agreement}"
        );
    }
    Ok(())
}

fn clothing() -> Outcome {
    check(
        "clothing",
        &[
            (Method::Finetune, 5),
            (Method::Finetune, 10),
            (Method::Prototype, 2),
            (Method::Prototype, 5),
            (Method::FinetunePlain, 5),
        ],
    )
}

fn flowers() -> Outcome {
    check(
        "flowers102",
        &[
            (Method::Finetune, 5),
            (Method::Finetune, 10),
            (Method::Finetune, 20),
            (Method::Prototype, 2),
            (Method::Prototype, 5),
            (Method::Prototype, 20),
            (Method::FinetunePlain, 5),
        ],
    )
}
