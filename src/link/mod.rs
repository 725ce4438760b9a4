//! A trained classifier as text, short enough for the fragment of an address: class names, linear head, what "none of these"
//! is judged by, and the identity of the network. `docs/LINK.md` describes the format.
//!
//! The text is base64url (RFC 4648, no padding) of a version, a checksum and what that version has to say; the first two are
//! the same in all versions. Every version keeps its own file with its decoder, for links live as long as someone keeps them;
//! only the newest is written. No photo and no embedding of one is in a link, but the vectors of classes are made of them.

mod body;
mod rounding;
mod version1;
mod version2;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Classifier, Embedding, Error, Head, Method, Session,
    features::Space,
    rejection::Rejection,
    session::{Prediction, Score},
    support::Class,
};

/// What stands before a link's text in the fragment of an address.
pub const FRAGMENT: &str = "#c=";
/// Most classes in a link.
pub const MOST_CLASSES: usize = 100;
/// Most characters of a class's name in a link.
pub const MOST_NAME: usize = 100;
/// A longer text is not decoded: with all that a link may hold it has fewer characters.
pub const MOST_TEXT: usize = 400_000;
/// Characters of a network's identity that are in a link.
pub const NETWORK: usize = 16;

/// Bytes of the checksum: the first ones of SHA-256 over the version and all that follows the checksum.
const CHECK: usize = 4;

/// A class as whoever opens a link sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkClass {
    /// Its id in the session; in a link that was read, its place.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// The number of its colour.
    pub hue: u16,
}

/// The classifier of a link: it names photos, and has no shots.
#[derive(Debug, Clone, PartialEq)]
pub struct Shared {
    method: Method,
    /// First [`NETWORK`] characters of the identity.
    network: String,
    classes: Vec<LinkClass>,
    space: Space,
    head: Head,
    rejection: Rejection,
}

impl Shared {
    /// How it was trained.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The first [`NETWORK`] characters of the network's identity.
    pub fn network(&self) -> &str {
        &self.network
    }

    /// The classes; their ids in predictions are their places here.
    pub fn classes(&self) -> &[LinkClass] {
        &self.classes
    }

    /// Refuses embeddings of another network.
    ///
    /// # Errors
    /// [`Error::LinkNetwork`].
    pub fn check_network(&self, identity: &str) -> Result<(), Error> {
        match identity.starts_with(&self.network) {
            true => Ok(()),
            false => Err(Error::LinkNetwork {
                expected: self.network.clone(),
                got: identity.into(),
            }),
        }
    }

    /// Probabilities `[n_way]` of a photo.
    pub fn probabilities(&self, query: &Embedding) -> Vec<f32> {
        self.head.probabilities(&self.space.of(query))
    }

    /// Names a photo.
    pub fn predict(&self, query: &Embedding) -> Prediction {
        let score = |(class, probability): (&LinkClass, f32)| Score {
            class_id: class.id,
            probability,
        };
        Prediction {
            method: self.method,
            scores: self.classes.iter().zip(self.probabilities(query)).map(score).collect(),
            nearest: None,
            familiarity: self.rejection.familiarity(query),
        }
    }
}

/// The text of what a session was trained to. `classes` names those that take part, and may name others; `network` is the
/// identity of the network that embedded the shots.
///
/// # Errors
/// [`Error::LinkUntrained`], [`Error::LinkMethod`], [`Error::LinkMetric`], [`Error::LinkLimit`].
pub fn write(session: &mut Session, classes: &[LinkClass], network: &str) -> Result<String, Error> {
    let rejection = session.rejection()?.clone();
    let trained = session.trained().ok_or(Error::LinkUntrained)?;
    let Classifier::Linear { space, head } = &trained.classifier else {
        return Err(Error::LinkMethod { method: trained.method });
    };
    if trained.method == Method::CosineMetric {
        return Err(Error::LinkMethod { method: trained.method });
    }
    if session.metric().is_some() {
        return Err(Error::LinkMetric);
    }
    let episode = session.support().episode()?;
    let name = |class: &&Class| classes.iter().find(|named| named.id == class.id).cloned();
    let named = episode
        .iter()
        .map(|class| name(class).ok_or(Error::LinkName { class: class.id }));
    let shared = Shared {
        method: trained.method,
        network: network.chars().take(NETWORK).collect(),
        classes: named.collect::<Result<_, _>>()?,
        space: space.clone(),
        head: head.clone(),
        rejection,
    };
    check_limit("classes", MOST_CLASSES, shared.classes.len())?;
    for class in &shared.classes {
        check_limit("characters in a class's name", MOST_NAME, class.name.chars().count())?;
    }
    Ok(sealed(version2::VERSION, &version2::encode(&shared, &episode)?))
}

/// Reads a text of [`write`]; blanks around it, and all up to [`FRAGMENT`], are passed over.
///
/// # Errors
/// [`Error::LinkDamaged`] with what is wrong; [`Error::LinkNewer`].
pub fn read(text: &str) -> Result<Shared, Error> {
    let text = text.trim();
    let text = text.split_once(FRAGMENT).map_or(text, |(_, fragment)| fragment);
    if text.len() > MOST_TEXT {
        return Err(damaged(format!(
            "{} characters, expected {MOST_TEXT} at most",
            text.len()
        )));
    }
    let bytes = BASE64_URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|error| damaged(error.to_string()))?;
    let (Some((&version, rest)), true) = (bytes.split_first(), bytes.len() > 1 + CHECK) else {
        return Err(damaged("too short".into()));
    };
    let (check, body) = rest.split_at(CHECK);
    if check != checksum(version, body) {
        return Err(damaged("its checksum differs".into()));
    }
    match version {
        version1::VERSION => version1::decode(body),
        version2::VERSION => version2::decode(body),
        version => Err(Error::LinkNewer { version }),
    }
}

/// Version, checksum and body as text.
fn sealed(version: u8, body: &[u8]) -> String {
    let mut bytes = vec![version];
    bytes.extend(checksum(version, body));
    bytes.extend(body);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn checksum(version: u8, body: &[u8]) -> [u8; CHECK] {
    let hash = Sha256::new().chain_update([version]).chain_update(body).finalize();
    std::array::from_fn(|index| hash[index])
}

fn check_limit(what: &'static str, limit: usize, got: usize) -> Result<(), Error> {
    match got <= limit {
        true => Ok(()),
        false => Err(Error::LinkLimit { what, limit, got }),
    }
}

fn damaged(reason: String) -> Error {
    Error::LinkDamaged { reason }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use rand_chacha::{
        ChaCha8Rng,
        rand_core::{RngCore, SeedableRng},
    };

    use super::*;
    use crate::{
        embedding::LENGTH, finetune::TrainingRequest, learned_metric::LearnedMetric, learning::Learning,
        metric::tests::trainer, support::SupportSet, triplet::Triplet,
    };

    const IDENTITY: &str = "0123456789abcdef0123456789abcdef";

    /// Positive numbers around what a class has in common: like embeddings, and never twice the same.
    fn photo(random: &mut ChaCha8Rng, class: u64) -> Embedding {
        let mut common = ChaCha8Rng::seed_from_u64(class);
        let uniform = |random: &mut ChaCha8Rng| random.next_u32() as f32 / u32::MAX as f32;
        let value = |_| (0.4 + uniform(&mut common)) * uniform(random).powi(2);
        Embedding::new((0..LENGTH).map(value).collect()).unwrap()
    }

    fn session(method: Method, classes: u32) -> Session {
        let mut session = Session::default();
        let mut random = ChaCha8Rng::seed_from_u64(9);
        for class in 0..classes {
            for shot in 0..4 {
                let embedding = photo(&mut random, u64::from(class));
                session.support_mut().set_shot(class + 5, class * 10 + shot, embedding);
            }
        }
        let request = TrainingRequest {
            method,
            ..TrainingRequest::default()
        };
        session.train(&request).unwrap();
        session
    }

    fn names(support: &SupportSet) -> Vec<LinkClass> {
        let name = |class: &Class| LinkClass {
            id: class.id,
            name: format!("Nr. {} “Ä”", class.id),
            hue: 3 + class.id as u16,
        };
        support.classes().iter().map(name).collect()
    }

    fn text_of(session: &mut Session) -> Result<String, Error> {
        let names = names(session.support());
        write(session, &names, IDENTITY)
    }

    /// A good link, made once.
    fn good() -> &'static str {
        static TEXT: OnceLock<String> = OnceLock::new();
        TEXT.get_or_init(|| text_of(&mut session(Method::Finetune, 3)).unwrap())
    }

    /// A link of version 1, made by `cargo glimpse link` when that was new, of drawn classes and `weights --untrained`.
    fn old() -> &'static str {
        include_str!("../../tests/fixtures/link-1.txt")
            .trim()
            .trim_start_matches(FRAGMENT)
    }

    /// A link's version, and that version's part.
    fn opened(text: &str) -> (u8, Vec<u8>) {
        let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
        (bytes[0], bytes.split_off(1 + CHECK))
    }

    /// Photos of noise lie nearer to the border between classes than real ones, of which probabilities move half as far.
    #[test]
    fn a_link_answers_as_its_session() {
        for method in [Method::Prototype, Method::FinetunePlain, Method::Finetune] {
            let mut session = session(method, 5);
            let text = text_of(&mut session).unwrap();
            let shared = read(&format!(" https://example.org/glimpse/{FRAGMENT}{text}\n")).unwrap();
            assert_eq!((shared.method(), shared.network()), (method, &IDENTITY[..NETWORK]));
            assert_eq!(
                shared.classes()[1],
                LinkClass {
                    id: 1,
                    name: "Nr. 6 “Ä”".into(),
                    hue: 9
                }
            );
            assert!(shared.check_network(IDENTITY).is_ok());
            assert_eq!(shared.check_network("fedc").unwrap_err().code(), "link-network");
            let mut random = ChaCha8Rng::seed_from_u64(77);
            let (mut alike, mut judged) = (0, 0);
            // Of the five classes and of three others: what those are called is chance.
            for class in (0..400).map(|number| number % 8) {
                let query = photo(&mut random, class);
                let (exact, read) = (session.predict(&query).unwrap(), shared.predict(&query));
                assert!(read.nearest.is_none());
                let same = exact.winner().unwrap().class_id == read.winner().unwrap().class_id + 5;
                alike += usize::from(same || class >= 5);
                let sure = |prediction: &Prediction| prediction.familiarity.probability >= 0.5;
                judged += usize::from(sure(&exact) == sure(&read));
                for (exact, read) in exact.scores.iter().zip(&read.scores) {
                    assert!((exact.probability - read.probability).abs() < 0.1, "{exact:?} {read:?}");
                }
            }
            assert!(alike >= 396 && judged >= 396, "{method:?}: {alike} and {judged} of 400");
        }
    }

    #[test]
    fn what_is_no_linear_head_says_why() {
        for method in [Method::Nearest, Method::Siamese, Method::Triplet, Method::CosineMetric] {
            assert_eq!(
                text_of(&mut session(method, 2)).unwrap_err().code(),
                "link-method",
                "{method:?}"
            );
        }
        let mut untrained = session(Method::Finetune, 2);
        untrained.support_mut().remove_shot(0);
        assert_eq!(text_of(&mut untrained).unwrap_err().code(), "link-untrained");
        let mut learning = trainer::<Triplet>();
        learning.step();
        let metric: LearnedMetric = learning.learned_metric().unwrap();
        let mut measured = session(Method::Finetune, 2);
        measured.set_metric(Some(std::sync::Arc::new(metric)));
        let training = measured.start_training(&TrainingRequest::default()).unwrap();
        measured.finish_training(&training).unwrap();
        assert_eq!(text_of(&mut measured).unwrap_err().code(), "link-metric");
        let mut nameless = session(Method::Prototype, 2);
        assert_eq!(write(&mut nameless, &[], IDENTITY).unwrap_err().code(), "link-name");
    }

    #[test]
    fn limits_hold_when_writing() {
        assert!(text_of(&mut session(Method::Prototype, 100)).unwrap().len() <= MOST_TEXT);
        assert_eq!(
            text_of(&mut session(Method::Prototype, 101)).unwrap_err().code(),
            "link-limit"
        );
        let mut long = session(Method::Prototype, 2);
        let mut names = names(long.support());
        names[0].name = "n".repeat(MOST_NAME + 1);
        assert_eq!(write(&mut long, &names, IDENTITY).unwrap_err().code(), "link-limit");
        names[0].name = "ñ".repeat(MOST_NAME);
        assert!(read(&write(&mut long, &names, IDENTITY).unwrap()).is_ok());
    }

    #[test]
    fn every_changed_or_missing_character_is_told() {
        let told = |text: &str| assert_eq!(read(text).unwrap_err().code(), "link-damaged");
        for index in 0..good().len() {
            let mut bytes = good().as_bytes().to_vec();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            told(std::str::from_utf8(&bytes).unwrap());
            told(&good()[..index]);
        }
        for strange in [
            "",
            "#c=",
            "AQ",
            "ä",
            "====",
            "https://example.org",
            &format!("{}!", good()),
        ] {
            told(strange);
        }
        told(&"A".repeat(MOST_TEXT + 1));
    }

    #[test]
    fn a_newer_version_says_so() {
        assert_eq!(
            read(&sealed(version2::VERSION + 1, b"whatever")).unwrap_err().code(),
            "link-newer"
        );
    }

    #[test]
    fn links_of_version_1_stay_readable() {
        assert_eq!(opened(old()).0, version1::VERSION);
        let shared = read(old()).unwrap();
        let names: Vec<&str> = shared.classes().iter().map(|class| class.name.as_str()).collect();
        assert_eq!(
            (names, shared.method()),
            (vec!["Checks", "Disc", "Stripes"], Method::Finetune)
        );
        let prediction = shared.predict(&photo(&mut ChaCha8Rng::seed_from_u64(5), 1));
        assert!((prediction.scores.iter().map(|score| score.probability).sum::<f32>() - 1.0).abs() < 1e-5);
    }

    /// Behind a checksum that fits: bytes changed at random, before and after inflating, and streams cut off.
    #[test]
    fn forged_links_are_refused_or_harmless() {
        for text in [old(), good()] {
            forge(text);
        }
    }

    fn forge(text: &str) {
        let query = photo(&mut ChaCha8Rng::seed_from_u64(5), 1);
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let (version, packed) = opened(text);
        let unpacked = body::inflated(&packed).unwrap();
        let mut refused = 0;
        for round in 0..6000 {
            let mut forged = if round % 2 == 0 {
                packed.clone()
            } else {
                unpacked.clone()
            };
            // Mostly where the structure is: in the first numbers and names.
            let reach = if random.next_u32() % 4 == 0 { forged.len() } else { 160 };
            for _ in 0..1 + random.next_u32() % 4 {
                let index = random.next_u32() as usize % reach.min(forged.len());
                forged[index] = random.next_u32() as u8;
            }
            if random.next_u32() % 8 == 0 {
                forged.truncate(random.next_u32() as usize % forged.len());
            }
            let forged = if round % 2 == 0 {
                forged
            } else {
                body::deflated(&[forged])
            };
            match read(&sealed(version, &forged)) {
                Ok(shared) => {
                    let prediction = shared.predict(&query);
                    assert!(
                        prediction.scores.iter().all(|score| score.probability.is_finite()),
                        "{prediction:?}"
                    );
                    assert!(prediction.familiarity.probability.is_finite(), "{prediction:?}");
                }
                Err(error) => {
                    assert_eq!(error.code(), "link-damaged");
                    refused += 1;
                }
            }
        }
        assert!(
            (1000..6000).contains(&refused),
            "version {version}, {refused} of 6000 were refused: both kinds shall come up"
        );
    }

    #[test]
    fn bombs_do_not_go_off() {
        let bomb = miniz_oxide::deflate::compress_to_vec(&vec![0; 200 << 20], 9);
        assert!(bomb.len() < MOST_TEXT / 4 * 3, "{} bytes", bomb.len());
        for version in [version1::VERSION, version2::VERSION] {
            assert_eq!(read(&sealed(version, &bomb)).unwrap_err().code(), "link-damaged");
        }
    }
}
