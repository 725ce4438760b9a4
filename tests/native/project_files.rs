//! Project files: what is written is read again, by the commands too; and what is damaged or hostile is refused with an
//! error that has a code, whatever is wrong with it, never with a panic.

use std::{collections::HashMap, ffi::OsStr, fs, path::Path};

use glimpse::{
    Embedding, Error, Method, Session,
    embedding::LENGTH,
    finetune::TrainingRequest,
    project::{self, Opened, Project, ProjectWriter, Sample},
};
use libtest_mimic::{Failed, Trial};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::{Value, json};

use crate::{
    cli::{glimpse, text, trained_metric},
    support::{
        Outcome, PLACE, drawn_classes, fixture, jpeg_with_place, scratch, trial, untrained_weights,
        zip::{Packed, zip},
    },
};

/// How often a good file is damaged by chance.
const MUTATIONS: usize = 2_000;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("project_files::round_trip", round_trip),
        trial(
            "project_files::fit_writes_what_predict_reads",
            fit_writes_what_predict_reads,
        ),
        trial("project_files::no_place_travels_along", no_place_travels_along),
        trial("project_files::samples_of_other_programs", samples_of_other_programs),
        trial("project_files::hostile_files_are_refused", hostile_files_are_refused),
        trial("project_files::chance_damage_never_panics", chance_damage_never_panics),
    ]
}

/// Embeddings of made-up photos: two classes of two shots, and a test.
fn embedding(number: usize) -> Result<Embedding, Error> {
    let class = number / 2;
    Embedding::new(
        (0..LENGTH)
            .map(|index| ((index * (class + 3) + number) % 7) as f32)
            .collect(),
    )
}

/// A session with the shots of [`description`].
fn session() -> Result<Session, Error> {
    let mut session = Session::default();
    for number in 0..4 {
        session
            .support_mut()
            .set_shot(number as u32 / 2, number as u32, embedding(number)?);
    }
    Ok(session)
}

fn head(method: Method) -> Result<Vec<u8>, Failed> {
    let mut session = session()?;
    let request = TrainingRequest {
        method,
        ..TrainingRequest::default()
    };
    let mut training = session.start_training(&request)?;
    training.run(3);
    session.finish_training(&training)?;
    Ok(session.head_file("abc")?.ok_or("a head")?)
}

fn description() -> Value {
    json!({
        "schema": 1, "app": "glimpse", "name": "Pets", "network": "abc", "views": 8,
        "created": "2026-01-02T03:04:05.678Z", "updated": "2026-01-02T03:04:05.678Z",
        "options": {"steps": 200, "nested": [null, true, 0.5]}, "method": "finetune", "threshold": 0.5,
        "classes": [
            {"name": "Cat", "named": true, "hue": 0, "active": true, "shots": [
                {"name": "a.jpg", "photo": "photos/0001.png"}, {"name": "", "photo": "photos/0002.png"}]},
            {"name": "Hund 🐕", "named": false, "hue": 7, "active": true, "shots": [
                {"name": "b.jpg", "photo": "photos/0003.png"}, {"name": "c.jpg", "photo": "photos/0004.png"}]},
        ],
        "tests": [{"name": "d.jpg", "photo": "photos/0005.png", "class": 1}],
    })
}

fn png(width: u32, height: u32, number: u8) -> Result<Vec<u8>, Failed> {
    let picture = image::RgbImage::from_fn(width, height, |x, _| image::Rgb([x as u8, number, 90]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

/// A project's file, and what is in it. Its test photo has no embedding yet.
fn good_file() -> Result<Vec<u8>, Failed> {
    file_with(&head(Method::Finetune)?)
}

fn file_with(head: &[u8]) -> Result<Vec<u8>, Failed> {
    let project = Project::parse(description().to_string().as_bytes())?;
    let (mut writer, mut bytes) = ProjectWriter::new(project)?;
    for number in 0..5 {
        let embedding = (number < 4).then(|| embedding(number)).transpose()?;
        bytes.extend(writer.add(&png(256, 300, number as u8)?, embedding.as_ref())?);
    }
    bytes.extend(writer.finish(Some(head))?);
    Ok(bytes)
}

/// Reads all there is in a file, as page and commands do.
fn read_all(bytes: &[u8]) -> Result<(), Error> {
    match project::open(bytes, bytes.len() as u64, "name.zip")? {
        Opened::Samples(samples) => (0..samples.samples().len()).try_for_each(|photo| samples.photo(photo).map(|_| ())),
        Opened::Project(reader) => {
            let project = reader.project();
            (0..project.photo_count()).try_for_each(|photo| reader.photo(photo).map(|_| ()))?;
            let mut session = Session::default();
            let mut number = 0;
            for (class_id, class) in project.classes.iter().enumerate() {
                for _ in &class.shots {
                    if let Some(embedding) = reader.embedding(number) {
                        session
                            .support_mut()
                            .set_shot(class_id as u32, number as u32, embedding.clone());
                    }
                    number += 1;
                }
            }
            reader
                .head()
                .map_or(Ok(()), |head| session.restore_head(head, &project.network).map(|_| ()))
        }
    }
}

fn round_trip() -> Outcome {
    let head = head(Method::Finetune)?;
    let bytes = file_with(&head)?;
    let Opened::Project(reader) = project::open(bytes.as_slice(), bytes.len() as u64, "")? else {
        return Err("a project".into());
    };
    assert_eq!(serde_json::to_value(reader.project())?, description());
    for number in 0..5 {
        let expected = (number < 4).then(|| embedding(number)).transpose()?;
        assert_eq!(reader.embedding(number), expected.as_ref());
        assert_eq!(reader.photo(number)?, png(256, 300, number as u8)?, "stored as it was");
    }
    assert!(reader.head() == Some(head.as_slice()));
    read_all(&bytes)?;
    Ok(())
}

/// What other programs pack, they compress.
fn repacked(bytes: &[u8]) -> Result<Vec<u8>, Failed> {
    let files = unpacked(bytes)?;
    let deflated = files
        .iter()
        .map(|file| Packed::deflated(&String::from_utf8_lossy(&file.name), &file.bytes));
    Ok(zip(&deflated.collect::<Vec<_>>(), None))
}

/// The files of an archive without compression.
fn unpacked(bytes: &[u8]) -> Result<Vec<Packed>, Failed> {
    let archive = rawzip::ZipArchive::from_slice(bytes)?;
    let mut files = Vec::new();
    for record in archive.entries() {
        let record = record?;
        let name = String::from_utf8(record.file_path().as_bytes().to_vec())?;
        files.push(Packed::stored(&name, archive.get_entry(record.wayfinder())?.data()));
    }
    Ok(files)
}

fn fit_writes_what_predict_reads() -> Outcome {
    let folder = scratch("project-fit");
    let drawn = drawn_classes(&folder)?;
    let (classes, weights, photo) = (folder.join("classes"), untrained_weights(), &drawn.queries[1].1);
    let metric = trained_metric(&folder, "triplet");
    let given: [&dyn AsRef<OsStr>; 2] = [&"--metric", &metric];
    let ways: [(&str, &[&dyn AsRef<OsStr>]); 2] = [("siamese", &[]), ("finetune", &given)];
    let mut answers = Vec::new();
    for (method, metric) in ways {
        let said = |out: &Path| -> Result<String, Failed> {
            let options: [&dyn AsRef<OsStr>; 8] = [
                &"fit",
                &"--weights",
                &weights,
                &"--method",
                &method,
                &classes,
                &"--out",
                &out,
            ];
            let fitted = glimpse(&[options.as_slice(), metric].concat());
            assert!(fitted.status.success(), "{}", text(&fitted.stderr));
            let named = glimpse(&[&"predict", &"--weights", &weights, &out, photo]);
            assert!(named.status.success(), "{}", text(&named.stderr));
            Ok(text(&named.stdout))
        };
        let project = folder.join("pets.glimpse");
        let (as_project, as_model) = (said(&project)?, said(&folder.join("pets.safetensors"))?);
        assert_eq!(as_project, as_model, "{method}");
        let bytes = fs::read(&project)?;
        read_all(&bytes).or_else(|error| match metric.is_empty() {
            false if error.code() == "stale-head" => Ok(()),
            _ => Err(error),
        })?;
        assert_eq!(unpacked(&bytes)?.len(), 9 + 2, "nine photos, description, tensors");
        assert!(!folder.join("pets.part").exists());
        fs::write(folder.join("again"), repacked(&bytes)?)?;
        answers.push(as_project);
    }
    let again = glimpse(&[&"predict", &"--weights", &weights, &folder.join("again"), photo]);
    assert_eq!(
        answers.last(),
        Some(&text(&again.stdout)),
        "known by its content, whatever its name and compression"
    );

    let other = folder.join("other-weights");
    glimpse(&[&"weights", &"--untrained", &"--seed", &"7", &"--out", &other]);
    let foreign = glimpse(&[&"predict", &"--weights", &other, &folder.join("pets.glimpse"), photo]);
    assert!(!foreign.status.success() && text(&foreign.stderr).contains("another network"));
    let photos = folder.join("photos.zip");
    fs::write(&photos, zip(&[Packed::stored("a/b.png", &png(9, 9, 0)?)], None))?;
    let samples = glimpse(&[&"predict", &"--weights", &weights, &photos, photo]);
    assert!(!samples.status.success() && text(&samples.stderr).contains("unpack it"));
    Ok(())
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn no_place_travels_along() -> Outcome {
    let folder = scratch("project-place");
    let jpeg = jpeg_with_place();
    assert!(contains(&jpeg, PLACE) && contains(&jpeg, b"Exif"));
    for (class, photo) in [("one", "plain.png"), ("two", "grey.jpg")] {
        fs::create_dir_all(folder.join("classes").join(class))?;
        fs::copy(fixture(photo), folder.join("classes").join(class).join(photo))?;
        fs::write(folder.join("classes").join(class).join("here.jpg"), &jpeg)?;
    }
    let (classes, out) = (folder.join("classes"), folder.join("places.glimpse"));
    let fitted = glimpse(&[&"fit", &"--weights", &untrained_weights(), &classes, &"--out", &out]);
    assert!(fitted.status.success(), "{}", text(&fitted.stderr));
    let bytes = fs::read(&out)?;
    assert!(!contains(&bytes, PLACE) && !contains(&bytes, b"Exif") && !contains(&bytes, b"eXIf"));

    // A PNG that another program wrote says nothing either.
    let plain = png(256, 256, 1)?;
    let mut chunk = b"tEXt".to_vec();
    chunk.extend([b"Place\0", PLACE].concat());
    let length = (chunk.len() as u32 - 4).to_be_bytes();
    let dressed = [
        &plain[..33],
        &length,
        &chunk,
        &rawzip::crc32(&chunk).to_be_bytes(),
        &plain[33..],
    ]
    .concat();
    let project = Project::parse(description().to_string().as_bytes())?;
    let (mut writer, _) = ProjectWriter::new(project)?;
    let written = writer.add(&dressed, None)?;
    assert!(contains(&dressed, PLACE) && !contains(&written, PLACE) && contains(&written, &plain));
    Ok(())
}

fn samples_of_other_programs() -> Outcome {
    let jpeg = fs::read(fixture("plain.jpg"))?;
    let classes = |archive: &str, paths: &[&str]| -> Result<Vec<(String, String)>, Failed> {
        let files: Vec<Packed> = paths.iter().map(|path| Packed::deflated(path, &jpeg)).collect();
        let bytes = zip(&files, None);
        let Opened::Samples(samples) = project::open(bytes.as_slice(), bytes.len() as u64, archive)? else {
            return Err("photos".into());
        };
        for photo in 0..samples.samples().len() {
            assert_eq!(samples.photo(photo)?, jpeg);
        }
        let found = samples
            .samples()
            .iter()
            .map(|Sample { class_name, name, .. }| (class_name.clone(), name.clone()));
        Ok(found.collect())
    };
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(class, name)| ((*class).into(), (*name).into()))
            .collect()
    };
    // A class's samples: photos in no folder.
    assert_eq!(
        classes("Cats.zip", &["0.jpg", "1.PNG"])?,
        pairs(&[("Cats", "0.jpg"), ("Cats", "1.PNG")])
    );
    // A project: the classes' names before the photos' numbers, and a description that is no photo.
    assert_eq!(
        classes(
            "x.tm",
            &[
                "manifest.json",
                "Class 1-!-0.jpg",
                "Class 1-!-1",
                "b-!-c-!-0.jpg",
                "-!-7"
            ]
        )?,
        pairs(&[
            ("Class 1", "Class 1-!-0.jpg"),
            ("Class 1", "Class 1-!-1"),
            ("b-!-c", "b-!-c-!-0.jpg")
        ])
    );
    // Folders, in a folder or not, and what systems add to them.
    assert_eq!(
        classes(
            "x.zip",
            &[
                "cat/0.webp",
                "dog/old/1.jpg",
                "__MACOSX/cat/0.jpg",
                "cat/.hidden.jpg",
                "cat/notes.txt"
            ]
        )?,
        pairs(&[("cat", "0.webp"), ("dog", "1.jpg")])
    );
    assert_eq!(
        classes("x.zip", &["pets/cat/0.jpg", "pets/dog/1.jpg", "pets/2.jpg"])?,
        pairs(&[("cat", "0.jpg"), ("dog", "1.jpg"), ("pets", "2.jpg")])
    );
    assert_eq!(classes("x.zip", &["cat/0.jpg"])?, pairs(&[("cat", "0.jpg")]));
    Ok(())
}

/// A project's files, each of which can be exchanged for another.
struct Parts(HashMap<String, Vec<u8>>);

impl Parts {
    fn good() -> Result<Self, Failed> {
        let files = unpacked(&good_file()?)?;
        let named = files
            .into_iter()
            .map(|file| (String::from_utf8_lossy(&file.name).into_owned(), file.bytes));
        Ok(Self(named.collect()))
    }

    /// The archive, with one file exchanged, or left out.
    fn with(&self, name: &str, content: Option<&[u8]>) -> Vec<u8> {
        let mut files = self.others(name);
        files.extend(content.map(|content| Packed::deflated(name, content)));
        zip(&files, None)
    }

    /// The archive, with one entry exchanged.
    fn with_entry(&self, entry: Packed) -> Vec<u8> {
        let mut files = self.others(&String::from_utf8_lossy(&entry.name));
        files.push(entry);
        zip(&files, None)
    }

    fn others(&self, name: &str) -> Vec<Packed> {
        let mut names: Vec<&String> = self.0.keys().filter(|other| *other != name).collect();
        names.sort();
        names.iter().map(|name| Packed::stored(name, &self.0[*name])).collect()
    }

    /// The archive, with a changed description.
    fn described(&self, change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let mut description = description();
        change(&mut description);
        self.with("project.json", Some(description.to_string().as_bytes()))
    }

    /// The archive, with changed tensors: name, type, shape and bytes of each.
    fn tensors(&self, change: impl FnOnce(&mut Vec<Tensor>, &mut HashMap<String, String>)) -> Result<Vec<u8>, Failed> {
        Ok(self.with(TENSORS, Some(&changed(&self.0[TENSORS], change)?)))
    }

    /// The archive, with a changed head.
    fn head(&self, head: &[u8]) -> Result<Vec<u8>, Failed> {
        self.tensors(|tensors, _| exchange(tensors, "head", Dtype::U8, &[head.len()], head))
    }
}

const TENSORS: &str = "tensors.safetensors";
const PHOTO: &str = "photos/0001.png";

type Tensor = (String, Dtype, Vec<usize>, Vec<u8>);

/// A safetensors file with something changed.
fn changed(
    bytes: &[u8],
    change: impl FnOnce(&mut Vec<Tensor>, &mut HashMap<String, String>),
) -> Result<Vec<u8>, Failed> {
    let file = SafeTensors::deserialize(bytes)?;
    let (_, header) = SafeTensors::read_metadata(bytes)?;
    let mut metadata = header.metadata().clone().unwrap_or_default();
    let tensors = file.tensors().into_iter();
    let mut tensors = tensors
        .map(|(name, view)| (name, view.dtype(), view.shape().to_vec(), view.data().to_vec()))
        .collect();
    change(&mut tensors, &mut metadata);
    let views = tensors.iter().map(|(name, kind, shape, bytes)| {
        TensorView::new(*kind, shape.clone(), bytes).map(|view| (name.as_str(), view))
    });
    Ok(safetensors::serialize(
        views.collect::<Result<Vec<_>, _>>()?,
        Some(metadata),
    )?)
}

fn exchange(tensors: &mut Vec<Tensor>, name: &str, kind: Dtype, shape: &[usize], bytes: &[u8]) {
    tensors.retain(|(other, ..)| other != name);
    tensors.push((name.into(), kind, shape.to_vec(), bytes.to_vec()));
}

/// The bytes of a tensor.
fn bytes_of<'a>(tensors: &'a mut [Tensor], name: &str) -> &'a mut Vec<u8> {
    let found = tensors.iter_mut().find(|(other, ..)| other == name);
    &mut found.expect("a tensor of that name").3
}

const FORMAT: &str = "project-format";
const DAMAGED: &str = "project-damaged";
const LARGE: &str = "project-too-large";
const LOCKED: &str = "project-encrypted";

/// A hostile file: what it is, its bytes, and the code by which it is refused.
type Hostile = (String, Vec<u8>, &'static str);

fn hostile_files_are_refused() -> Outcome {
    let parts = Parts::good()?;
    let mut files = no_archives()?;
    files.extend(lying_archives(&parts)?);
    files.extend(bombs(&parts)?);
    files.extend(descriptions(&parts));
    files.extend(photos(&parts)?);
    files.extend(tensors(&parts)?);
    files.extend(heads(&parts)?);
    let answer = |bytes: &[u8]| match read_all(bytes) {
        Ok(()) => "accepted".to_owned(),
        Err(error) => format!("{}: {error}", error.code()),
    };
    let mut wrong = Vec::new();
    for (what, bytes, code) in &files {
        let answer = answer(bytes);
        if answer.split(':').next() != Some(code) {
            wrong.push(format!("{what}: expected {code}, got {answer}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!(
        "{} hostile files were refused, each with the code that it should have",
        files.len()
    );
    Ok(())
}

fn no_archives() -> Result<Vec<Hostile>, Failed> {
    let good = good_file()?;
    let mut files: Vec<Hostile> = vec![
        ("an empty file".into(), Vec::new(), FORMAT),
        ("a text".into(), b"PK is not enough".to_vec(), FORMAT),
        ("a picture".into(), png(256, 256, 0)?, FORMAT),
        ("an archive of nothing".into(), zip(&[], None), FORMAT),
        (
            "an archive of a text".into(),
            zip(&[Packed::stored("a.txt", b"hello")], None),
            FORMAT,
        ),
        ("a safetensors file".into(), head(Method::Finetune)?, FORMAT),
        ("zeros".into(), vec![0; 100_000], FORMAT),
    ];
    for length in [1, 21, 22, 100, good.len() / 2, good.len() - 22, good.len() - 1] {
        files.push((format!("the first {length} bytes"), good[..length].to_vec(), FORMAT));
    }
    Ok(files)
}

fn lying_archives(parts: &Parts) -> Result<Vec<Hostile>, Failed> {
    let photo = &parts.0[PHOTO];
    let good = || Packed::stored(PHOTO, photo);
    let mut files: Vec<Hostile> = Vec::new();
    let mut add = |what: &str, bytes: Vec<u8>, code| files.push((what.into(), bytes, code));
    for (what, name) in [
        ("an absolute path", "/etc/passwd"),
        ("a path that leads out", "../../.bashrc"),
        ("a path that leads out in the middle", "photos/../../x.png"),
        ("a path of Windows", "..\\..\\x.png"),
        ("a drive", "C:/x.png"),
        ("a zero byte in a name", "photos/1\0.png"),
        ("a new line in a name", "photos/1\n.png"),
        ("no name", ""),
    ] {
        add(what, parts.with_entry(Packed::stored(name, photo)), DAMAGED);
        add(
            &format!("{what}, among photos"),
            zip(&[Packed::stored(name, photo)], None),
            DAMAGED,
        );
    }
    for length in [1_001, 65_000] {
        let name = "n".repeat(length);
        add(
            &format!("a name of {length} characters"),
            parts.with_entry(Packed::stored(&name, b"")),
            LARGE,
        );
    }
    let twice = [parts.others(""), vec![good()]].concat();
    add("a photo that is in it twice", zip(&twice, None), DAMAGED);
    let twice = [parts.others(""), vec![Packed::stored("project.json", b"{}")]].concat();
    add("two descriptions", zip(&twice, None), DAMAGED);
    let all = parts.others("");
    let count = all.len() as u16;
    add("one file fewer than it says", zip(&all, Some(count + 1)), DAMAGED);
    add("one file more than it says", zip(&all, Some(count - 1)), DAMAGED);
    add("no file, as it says", zip(&all, Some(0)), DAMAGED);
    add("65,535 files, as it says", zip(&all, Some(u16::MAX)), DAMAGED);
    for (what, flags) in [("a locked photo", 1), ("a strongly locked photo", 0x41)] {
        add(what, parts.with_entry(Packed { flags, ..good() }), LOCKED);
    }
    for method in [1, 9, 12, 14, 93, 95, 99, 65_535] {
        let entry = Packed { method, ..good() };
        add(&format!("compression {method}"), parts.with_entry(entry), DAMAGED);
    }
    let wrong: [(&str, Packed); 8] = [
        ("another check sum", Packed { crc32: 7, ..good() }),
        (
            "a byte fewer than it says",
            Packed {
                size: good().size + 1,
                packed: good().packed,
                ..good()
            },
        ),
        (
            "a byte more than it says",
            Packed {
                size: good().size - 1,
                ..good()
            },
        ),
        (
            "bytes beyond the end",
            Packed {
                size: 1 << 20,
                packed: 1 << 20,
                ..good()
            },
        ),
        (
            "an entry beyond the end",
            Packed {
                offset: Some(u32::MAX - 1),
                ..good()
            },
        ),
        (
            "an entry that is none",
            Packed {
                offset: Some(3),
                ..good()
            },
        ),
        (
            "another file's entry",
            Packed {
                offset: Some(0),
                ..good()
            },
        ),
        ("deflate that is none", Packed { method: 8, ..good() }),
    ];
    for (what, entry) in wrong {
        add(what, parts.with_entry(entry), DAMAGED);
    }
    let mut cut = Packed::deflated(PHOTO, photo);
    cut.packed -= 9;
    add("deflate that is cut off", parts.with_entry(cut), DAMAGED);
    let whole = zip(&all, None);
    let end = whole.len() - 22;
    for (what, place, value) in [
        ("a directory beyond the end", end + 16, u32::MAX - 1),
        ("a directory that is none", end + 16, 9),
        ("a directory larger than the file", end + 12, 0x7fff_ffff),
        ("a directory of no size", end + 12, 0),
        ("another disk", end + 4, 0x0007_0007),
    ] {
        let mut bytes = whole.clone();
        bytes[place..place + 4].copy_from_slice(&value.to_le_bytes());
        match read_all(&bytes) {
            // Where the directory begins can be told without this field; then it is a good file with a flaw.
            Ok(()) => (),
            Err(error) => add(what, bytes, if error.code() == FORMAT { FORMAT } else { DAMAGED }),
        }
    }
    add(
        "a directory of 64 bits with a thousand million files",
        with_64_bits(&all),
        DAMAGED,
    );
    Ok(files)
}

/// An archive whose directory claims more files than there are bytes.
fn with_64_bits(files: &[Packed]) -> Vec<u8> {
    let whole = zip(files, Some(u16::MAX));
    let (before, end) = whole.split_at(whole.len() - 22);
    let start = before.len() as u64;
    let mut bytes = before.to_vec();
    bytes.extend(b"PK\x06\x06");
    bytes.extend(44_u64.to_le_bytes());
    bytes.extend([45, 0, 45, 0]);
    bytes.extend([0; 8]);
    for field in [1_000_000_000_u64, 1_000_000_000, start, 0] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend(start.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(end);
    bytes
}

fn bombs(parts: &Parts) -> Result<Vec<Hostile>, Failed> {
    let zeros = vec![0; 100 << 20];
    let bomb = Packed::deflated(PHOTO, &zeros);
    let small = |size: u32| Packed {
        size,
        crc32: rawzip::crc32(&zeros[..size as usize]),
        ..bomb.clone()
    };
    let many = |count: usize, content: &[u8]| -> Vec<Packed> {
        (0..count)
            .map(|number| Packed::stored(&format!("{number}.jpg"), content))
            .collect()
    };
    let heavy = Packed {
        size: u32::MAX / 2,
        ..Packed::deflated("a.jpg", b"")
    };
    let heavy: Vec<Packed> = (0..3)
        .map(|number| Packed {
            name: format!("{number}.jpg").into(),
            ..heavy.clone()
        })
        .collect();
    let classes: Vec<Packed> = (0..1_001)
        .map(|number| Packed::stored(&format!("{number}/0.jpg"), b""))
        .collect();
    Ok(vec![
        (
            "a photo of 100 MB of zeros".into(),
            parts.with_entry(bomb.clone()),
            LARGE,
        ),
        (
            "the same, said to be 1 kB".into(),
            parts.with_entry(small(1_000)),
            DAMAGED,
        ),
        (
            "the same, said to be 2 MB".into(),
            parts.with_entry(small(2 << 20)),
            DAMAGED,
        ),
        (
            "the same among photos".into(),
            zip(
                &[Packed {
                    name: b"a.jpg".to_vec(),
                    ..bomb
                }],
                None,
            ),
            LARGE,
        ),
        (
            "a description of 9 MB of blanks".into(),
            parts.with("project.json", Some(&vec![b' '; 9 << 20])),
            LARGE,
        ),
        (
            "tensors of 193 MiB".into(),
            parts.with_entry(Packed {
                size: 193 << 20,
                ..Packed::deflated(TENSORS, b"")
            }),
            LARGE,
        ),
        ("three files of 2 GB".into(), zip(&heavy, None), LARGE),
        (
            "a file of 4 GB".into(),
            zip(
                &[Packed {
                    size: u32::MAX,
                    ..heavy[0].clone()
                }],
                None,
            ),
            LARGE,
        ),
        ("25,001 files".into(), zip(&many(25_001, b""), None), LARGE),
        ("20,001 photos".into(), zip(&many(20_001, b""), None), LARGE),
        ("1,001 folders".into(), zip(&classes, None), LARGE),
    ])
}

fn descriptions(parts: &Parts) -> Vec<Hostile> {
    let mut files: Vec<Hostile> = Vec::new();
    let nested = |depth: usize| {
        format!(
            "{{\"schema\": 1, \"app\": \"glimpse\", \"options\": {}",
            "[".repeat(depth)
        )
    };
    let wide = format!(
        "{{\"schema\": 1, \"app\": \"glimpse\", \"classes\": [{}",
        "{},".repeat(2_000_000)
    );
    let texts: [(&str, Vec<u8>); 12] = [
        ("an empty description", Vec::new()),
        ("a description that is no JSON", b"glimpse".to_vec()),
        ("a description that is a list", b"[]".to_vec()),
        ("a description that is nothing", b"null".to_vec()),
        ("a description without anything", b"{}".to_vec()),
        (
            "a description in UTF-16",
            "{}".encode_utf16().flat_map(u16::to_be_bytes).collect(),
        ),
        ("a description that is no text", b"{\"app\": \"\xff\xfe\"}".to_vec()),
        (
            "a description that is cut off",
            description().to_string().as_bytes()[..300].to_vec(),
        ),
        (
            "a description with something behind it",
            format!("{}x", description()).into_bytes(),
        ),
        ("a thousand lists in each other", nested(1_000).into_bytes()),
        ("a million lists in each other", nested(1_000_000).into_bytes()),
        ("two million classes without anything", wide.into_bytes()),
    ];
    for (what, text) in texts {
        files.push((what.into(), parts.with("project.json", Some(&text)), DAMAGED));
    }
    type Change = fn(&mut Value);
    let changes: [(&str, Change, &'static str); 50] = [
        ("a newer schema", |d| d["schema"] = 2.into(), "project-newer"),
        (
            "a much newer schema",
            |d| *d = json!({"schema": 4_000_000_000_u32, "app": "glimpse", "else": 1}),
            "project-newer",
        ),
        ("an older schema than any", |d| d["schema"] = 0.into(), DAMAGED),
        ("a negative schema", |d| d["schema"] = (-1).into(), DAMAGED),
        ("half a schema", |d| d["schema"] = 1.5.into(), DAMAGED),
        ("an endless schema", |d| d["schema"] = 1e300.into(), DAMAGED),
        ("a schema in words", |d| d["schema"] = "1".into(), DAMAGED),
        ("no schema", |d| drop_field(d, "schema"), DAMAGED),
        ("another program's", |d| d["app"] = "other".into(), DAMAGED),
        ("nobody's", |d| drop_field(d, "app"), DAMAGED),
        ("no classes", |d| drop_field(d, "classes"), DAMAGED),
        ("classes that are no list", |d| d["classes"] = json!({}), DAMAGED),
        ("a class that is a number", |d| d["classes"][0] = 7.into(), DAMAGED),
        (
            "a class without photos",
            |d| drop_field(&mut d["classes"][0], "shots"),
            DAMAGED,
        ),
        (
            "a class without a name",
            |d| drop_field(&mut d["classes"][0], "name"),
            DAMAGED,
        ),
        (
            "a class named by a number",
            |d| d["classes"][0]["name"] = 7.into(),
            DAMAGED,
        ),
        (
            "a class that is on in words",
            |d| d["classes"][0]["active"] = "yes".into(),
            DAMAGED,
        ),
        ("a negative colour", |d| d["classes"][0]["hue"] = (-1).into(), DAMAGED),
        ("an endless colour", |d| d["classes"][0]["hue"] = 1e18.into(), DAMAGED),
        (
            "two classes of one name",
            |d| d["classes"][0]["name"] = "Hund 🐕".into(),
            DAMAGED,
        ),
        (
            "a class's name of 1,001 letters",
            |d| d["classes"][0]["name"] = "ä".repeat(1_001).into(),
            LARGE,
        ),
        (
            "a photo's name of 1,001 letters",
            |d| d["classes"][0]["shots"][0]["name"] = "n".repeat(1_001).into(),
            LARGE,
        ),
        (
            "a photo's path of 1,001 letters",
            |d| d["classes"][0]["shots"][0]["photo"] = "n".repeat(1_001).into(),
            LARGE,
        ),
        (
            "a test's name of a million letters",
            |d| d["tests"][0]["name"] = "n".repeat(1_000_000).into(),
            LARGE,
        ),
        (
            "a project's name of 1,001 letters",
            |d| d["name"] = "n".repeat(1_001).into(),
            LARGE,
        ),
        (
            "a date of 1,001 letters",
            |d| d["created"] = "n".repeat(1_001).into(),
            LARGE,
        ),
        (
            "a network of 1,001 letters",
            |d| d["network"] = "n".repeat(1_001).into(),
            LARGE,
        ),
        (
            "a date that is a number",
            |d| d["updated"] = 1_700_000_000.into(),
            DAMAGED,
        ),
        ("no views", |d| d["views"] = 0.into(), DAMAGED),
        ("nine views", |d| d["views"] = 9.into(), DAMAGED),
        ("a negative number of views", |d| d["views"] = (-8).into(), DAMAGED),
        ("a threshold above 1", |d| d["threshold"] = 1.01.into(), DAMAGED),
        ("a threshold below 0", |d| d["threshold"] = (-0.01).into(), DAMAGED),
        ("a threshold in words", |d| d["threshold"] = "NaN".into(), DAMAGED),
        ("an unknown method", |d| d["method"] = "magic".into(), DAMAGED),
        ("a method that is a list", |d| d["method"] = json!([]), DAMAGED),
        (
            "settings of 17 kB",
            |d| d["options"] = "o".repeat(17 << 10).into(),
            LARGE,
        ),
        ("a test of class 2 of 2", |d| d["tests"][0]["class"] = 2.into(), DAMAGED),
        ("a test of class −1", |d| d["tests"][0]["class"] = (-1).into(), DAMAGED),
        ("tests that are no list", |d| d["tests"] = "none".into(), DAMAGED),
        (
            "a photo that is not there",
            |d| d["tests"][0]["photo"] = "photos/0006.png".into(),
            DAMAGED,
        ),
        (
            "a photo without a path",
            |d| drop_field(&mut d["tests"][0], "photo"),
            DAMAGED,
        ),
        (
            "a photo out of the archive",
            |d| d["tests"][0]["photo"] = "../../etc/passwd".into(),
            DAMAGED,
        ),
        (
            "a photo that is the description",
            |d| d["tests"][0]["photo"] = "project.json".into(),
            DAMAGED,
        ),
        (
            "a photo that is the tensors",
            |d| d["tests"][0]["photo"] = TENSORS.into(),
            DAMAGED,
        ),
        ("one photo for two", |d| d["tests"][0]["photo"] = PHOTO.into(), DAMAGED),
        ("fewer photos than embeddings", |d| d["tests"] = json!([]), DAMAGED),
        ("1,001 classes", |d| d["classes"] = classes(1_001, 0), LARGE),
        (
            "a hundred thousand classes",
            |d| d["classes"] = classes(100_000, 0),
            LARGE,
        ),
        ("20,001 photos", |d| d["classes"] = classes(1, 20_001), LARGE),
    ];
    for (what, change, code) in changes {
        files.push((format!("description: {what}"), parts.described(change), code));
    }
    files.push((
        "a million classes".into(),
        parts.described(|d| d["classes"] = classes(1_000_000, 0)),
        LARGE,
    ));
    files
}

fn drop_field(value: &mut Value, field: &str) {
    if let Some(object) = value.as_object_mut() {
        object.remove(field);
    }
}

fn classes(count: usize, shots: usize) -> Value {
    let shot = |number: usize| json!({"name": "", "photo": format!("{number}")});
    let shots: Vec<Value> = (0..shots).map(shot).collect();
    let class =
        |number: usize| json!({"name": number.to_string(), "named": true, "hue": 0, "active": true, "shots": shots});
    (0..count).map(class).collect()
}

fn photos(parts: &Parts) -> Result<Vec<Hostile>, Failed> {
    let plain = &parts.0[PHOTO];
    let changed = |place: usize, bytes: &[u8]| {
        let mut png = plain.clone();
        png[place..place + bytes.len()].copy_from_slice(bytes);
        png
    };
    let fixed = |name: &str| fs::read(fixture(name));
    let filled = |chunk: usize| {
        [
            &plain[..33],
            &(chunk as u32).to_be_bytes(),
            b"tEXt",
            &vec![b' '; chunk + 4],
            &plain[33..],
        ]
        .concat()
    };
    let cases: Vec<(&str, Vec<u8>, &'static str)> = vec![
        ("of no bytes", Vec::new(), DAMAGED),
        ("that is a text", b"no picture".to_vec(), DAMAGED),
        ("that is a JPEG", fixed("plain.jpg")?, DAMAGED),
        ("that is a GIF", fixed("animated.gif")?, DAMAGED),
        ("that is a HEIC", fixed("plain.heic")?, DAMAGED),
        ("that is a web page", b"<svg onload=alert(1)>".to_vec(), DAMAGED),
        ("of one pixel", fixed("1x1.png")?, DAMAGED),
        ("of 12,000 × 40 pixels", fixed("12000x40.png")?, DAMAGED),
        ("of 100 megapixels", fixed("100-megapixels.png")?, DAMAGED),
        ("of 255 pixels", png(255, 300, 0)?, DAMAGED),
        ("of 256 × 513 pixels", png(256, 513, 0)?, DAMAGED),
        ("of 300 × 300 pixels", png(300, 300, 0)?, DAMAGED),
        ("of no width", changed(16, &[0; 4]), DAMAGED),
        ("of 4,000 million pixels' width", changed(16, &[0xff; 4]), DAMAGED),
        (
            "another width than its pixels have",
            changed(20, &512_u32.to_be_bytes()),
            DAMAGED,
        ),
        ("with a wrong check sum", changed(plain.len() - 20, &[0; 4]), DAMAGED),
        ("of 3 bits", changed(24, &[3]), DAMAGED),
        ("of an unknown kind", changed(25, &[5]), DAMAGED),
        ("with a chunk of 4 GB", changed(33, &[0xff; 4]), DAMAGED),
        ("without its end", plain[..plain.len() - 12].to_vec(), DAMAGED),
        ("without its beginning", plain[8..].to_vec(), DAMAGED),
        ("cut in half", plain[..plain.len() / 2].to_vec(), DAMAGED),
        (
            "without pixels",
            [&plain[..33], &plain[plain.len() - 12..]].concat(),
            DAMAGED,
        ),
        ("with 3 MB of text in it", filled(3 << 20), LARGE),
    ];
    let mut files: Vec<Hostile> = Vec::new();
    for (what, bytes, code) in cases {
        files.push((format!("a photo {what}"), parts.with(PHOTO, Some(&bytes)), code));
    }
    files.push(("a photo that is missing".into(), parts.with(PHOTO, None), DAMAGED));
    Ok(files)
}

fn tensors(parts: &Parts) -> Result<Vec<Hostile>, Failed> {
    let whole = &parts.0[TENSORS];
    let header = |length: u64| [&length.to_le_bytes(), &whole[8..]].concat();
    let mut files: Vec<Hostile> = vec![("no tensors".into(), parts.with(TENSORS, None), DAMAGED)];
    let texts: [(&str, Vec<u8>); 9] = [
        ("of no bytes", Vec::new()),
        ("that are a text", b"no tensors at all".to_vec()),
        ("with a header of all the world", header(u64::MAX)),
        ("with a header of 1 TB", header(1 << 40)),
        ("with a header of nothing", header(0)),
        ("with a header that is cut off", header(5)),
        ("that are cut off", whole[..whole.len() - 1].to_vec()),
        ("with a byte too many", [whole, &[0][..]].concat()),
        ("that are a head", head(Method::Finetune)?),
    ];
    for (what, bytes) in texts {
        files.push((format!("tensors {what}"), parts.with(TENSORS, Some(&bytes)), DAMAGED));
    }
    let rows = |count: usize, value: f32| -> Vec<u8> {
        vec![value; count * LENGTH]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect()
    };
    let embeddings = "embeddings";
    type Change<'a> = &'a dyn Fn(&mut Vec<Tensor>, &mut HashMap<String, String>);
    let bad_value = |value: f32| {
        move |tensors: &mut Vec<Tensor>, _: &mut HashMap<String, String>| {
            bytes_of(tensors, "embeddings")[400..404].copy_from_slice(&value.to_le_bytes());
        }
    };
    let changes: [(&str, Change); 20] = [
        ("of another format", &|_, words| {
            drop(words.insert("format".into(), "glimpse-project-2".into()))
        }),
        ("of no format", &|_, words| words.clear()),
        ("without embeddings", &|tensors, _| {
            tensors.retain(|(name, ..)| name != embeddings)
        }),
        ("without a mask", &|tensors, _| {
            tensors.retain(|(name, ..)| name != "embedded")
        }),
        ("with NaN", &bad_value(f32::NAN)),
        ("with infinity", &bad_value(f32::INFINITY)),
        ("with negative infinity", &bad_value(f32::NEG_INFINITY)),
        ("with numbers whose squares are endless", &bad_value(f32::MAX)),
        ("of zeros", &|tensors, _| {
            exchange(tensors, embeddings, Dtype::F32, &[4, LENGTH], &rows(4, 0.0))
        }),
        ("with three embeddings for four", &|tensors, _| {
            exchange(tensors, embeddings, Dtype::F32, &[3, LENGTH], &rows(3, 1.0))
        }),
        ("with five embeddings for four", &|tensors, _| {
            exchange(tensors, embeddings, Dtype::F32, &[5, LENGTH], &rows(5, 1.0))
        }),
        ("with a million embeddings' shape", &|tensors, _| {
            exchange(tensors, embeddings, Dtype::F32, &[1_000_000, 0], &[])
        }),
        ("with embeddings that lie the other way", &|tensors, _| {
            exchange(tensors, embeddings, Dtype::F32, &[LENGTH, 4], &rows(4, 1.0))
        }),
        ("with embeddings in one row", &|tensors, _| {
            exchange(tensors, embeddings, Dtype::F32, &[4 * LENGTH], &rows(4, 1.0))
        }),
        ("with embeddings of 512 numbers", &|tensors, _| {
            exchange(tensors, embeddings, Dtype::F32, &[12, 512], &rows(4, 1.0))
        }),
        ("with embeddings of whole numbers", &|tensors, _| {
            exchange(tensors, embeddings, Dtype::I32, &[4, LENGTH], &rows(4, 1.0))
        }),
        ("with embeddings of 16 bits", &|tensors, _| {
            exchange(tensors, embeddings, Dtype::F16, &[4, LENGTH], &rows(2, 1.0))
        }),
        ("with a mask that is too short", &|tensors, _| {
            exchange(tensors, "embedded", Dtype::U8, &[4], &[1; 4])
        }),
        ("with a mask that counts to 2", &|tensors, _| {
            exchange(tensors, "embedded", Dtype::U8, &[5], &[1, 1, 2, 0, 0])
        }),
        ("with a mask of 32 bits", &|tensors, _| {
            exchange(tensors, "embedded", Dtype::F32, &[5], &[0; 20])
        }),
    ];
    for (what, change) in changes {
        files.push((format!("tensors {what}"), parts.tensors(change)?, DAMAGED));
    }
    Ok(files)
}

fn heads(parts: &Parts) -> Result<Vec<Hostile>, Failed> {
    let finetune = head(Method::Finetune)?;
    let siamese = head(Method::Siamese)?;
    let mut files: Vec<Hostile> = vec![
        ("a head of no bytes".into(), parts.head(b"")?, DAMAGED),
        ("a head that is a text".into(), parts.head(b"no head")?, DAMAGED),
        (
            "a head that is cut off".into(),
            parts.head(&finetune[..finetune.len() - 9])?,
            DAMAGED,
        ),
        (
            "a head that is the tensors".into(),
            parts.head(&parts.0[TENSORS])?,
            DAMAGED,
        ),
        (
            "a head of 32 bits".into(),
            parts.tensors(|tensors, _| exchange(tensors, "head", Dtype::F32, &[1], &[0; 4]))?,
            DAMAGED,
        ),
    ];
    type Change<'a> = &'a dyn Fn(&mut Vec<Tensor>, &mut HashMap<String, String>);
    let word = |key: &'static str, value: &'static str| {
        move |_: &mut Vec<Tensor>, words: &mut HashMap<String, String>| drop(words.insert(key.into(), value.into()))
    };
    let print = "0".repeat(64);
    let changes: [(&str, Change, &'static str); 17] = [
        ("of another network", &word("network", "xyz"), DAMAGED),
        ("of another format", &word("format", "glimpse-head-2"), DAMAGED),
        ("of an unknown method", &word("method", "magic"), DAMAGED),
        ("of a method that has no rows", &word("method", "siamese"), DAMAGED),
        ("of a method that needs a layer", &word("method", "deep"), DAMAGED),
        ("of unknown features", &word("features", "all"), DAMAGED),
        ("of features of another length", &word("features", "embedding"), DAMAGED),
        ("of no features", &|_, words| drop(words.remove("features")), DAMAGED),
        ("of no shots", &|_, words| drop(words.remove("shots")), DAMAGED),
        ("of shots that are no list", &word("shots", "{}"), DAMAGED),
        (
            "of three classes, with rows for two",
            &word("shots", "[\"a\",\"b\",\"c\"]"),
            DAMAGED,
        ),
        ("of no class", &word("shots", "[]"), DAMAGED),
        (
            "of other shots",
            &|_, words| drop(words.insert("shots".into(), format!("[\"{print}\",\"{print}\"]"))),
            "stale-head",
        ),
        (
            "with NaN",
            &|tensors, _| bytes_of(tensors, "weight")[..4].copy_from_slice(&f32::NAN.to_le_bytes()),
            DAMAGED,
        ),
        (
            "with an endless scale",
            &|tensors, _| bytes_of(tensors, "scale")[..4].copy_from_slice(&f32::INFINITY.to_le_bytes()),
            DAMAGED,
        ),
        (
            "without a bias",
            &|tensors, _| tensors.retain(|(name, ..)| name != "bias"),
            DAMAGED,
        ),
        (
            "with two scales",
            &|tensors, _| exchange(tensors, "scale", Dtype::F32, &[2], &[0; 8]),
            DAMAGED,
        ),
    ];
    for (what, change, code) in changes {
        files.push((
            format!("a head {what}"),
            parts.head(&changed(&finetune, change)?)?,
            code,
        ));
    }
    let of_siamese: [(&str, Change, &'static str); 4] = [
        (
            "without a metric",
            &|tensors, _| tensors.retain(|(name, ..)| name != "metric"),
            DAMAGED,
        ),
        (
            "with a metric that is none",
            &|tensors, _| exchange(tensors, "metric", Dtype::U8, &[3], b"abc"),
            DAMAGED,
        ),
        ("with a metric that was bought", &word("metric", "bought"), "stale-head"),
        (
            "with a metric from nowhere",
            &|_, words| drop(words.remove("metric")),
            "stale-head",
        ),
    ];
    for (what, change, code) in of_siamese {
        files.push((
            format!("a siamese head {what}"),
            parts.head(&changed(&siamese, change)?)?,
            code,
        ));
    }
    Ok(files)
}

fn chance_damage_never_panics() -> Outcome {
    let good = good_file()?;
    let files = [good.clone(), repacked(&good)?];
    let mut random = ChaCha8Rng::seed_from_u64(23);
    let (mut refused, mut harmless) = (0, 0);
    for round in 0..MUTATIONS {
        let mut bytes = files[round % 2].clone();
        let mut below = |limit: usize| random.next_u64() as usize % limit;
        // Structure is at the end, and between the photos: half of the damage goes there.
        let tail = bytes.len().min(1_200);
        for _ in 0..=below(4) {
            let place = match below(2) {
                0 => below(bytes.len()),
                _ => bytes.len() - 1 - below(tail),
            };
            match below(4) {
                0 => bytes[place] ^= 1 << below(8),
                1 => bytes[place] = below(256) as u8,
                2 => bytes[place..].iter_mut().take(4).for_each(|byte| *byte = 0xff),
                _ => drop(bytes.drain(place..(place + 1 + below(40)).min(bytes.len()))),
            }
            if bytes.len() < 8 {
                break;
            }
        }
        if round % 16 == 15 {
            bytes.truncate(below(bytes.len()));
        }
        match read_all(&bytes) {
            Ok(()) => harmless += 1,
            Err(error) => {
                assert!(!error.code().is_empty());
                refused += 1;
            }
        }
    }
    assert!(refused > MUTATIONS / 2, "most damage is noticed: {refused}");
    println!("{MUTATIONS} files damaged by chance: {refused} refused, {harmless} read as before, no panic");
    Ok(())
}
