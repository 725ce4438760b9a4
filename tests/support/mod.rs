//! What both test programs need: trials that can be skipped by name, the shared real data, prepared weights.

#[allow(dead_code)] // what a hostile file can be is the native tests' business
pub mod zip;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use glimpse::{
    Square,
    native::weights::{Encoding, Licence, Source, prepare},
    square::{MEAN, SIDE, STD},
};
use libtest_mimic::{Failed, Trial};
use safetensors::SafeTensors;

/// What a test returns.
pub type Outcome = Result<(), Failed>;

/// A test that runs everywhere.
pub fn trial(name: &str, test: fn() -> Outcome) -> Trial {
    Trial::test(name, test)
}

/// A test on real photos and real weights: listed as ignored where `../shared` is absent.
pub fn trial_on_shared(name: &str, test: fn() -> Outcome) -> Trial {
    Trial::test(name, test).with_ignored_flag(shared().is_none())
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A picture or file made by `tests/reference`.
pub fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures").join(name)
}

/// Real photos, real weights and reference values.
pub fn shared() -> Option<PathBuf> {
    let shared = root().join("../shared");
    shared.join("weights/resnet18.safetensors").is_file().then_some(shared)
}

/// A folder for a test's files, empty at first.
pub fn scratch(name: &str) -> PathBuf {
    let folder = root().join("target/test-scratch").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

/// A prepared weights folder as the page has it: the real weights, or an untrained network where there are none.
#[allow(dead_code)] // the native tests need no page
pub fn weights() -> &'static Path {
    if shared().is_some() {
        real_weights()
    } else {
        untrained_weights()
    }
}

/// A prepared folder of the real weights, compact as usual.
pub fn real_weights() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| prepared("test-weights-real", &real_source(), Encoding::default()))
}

/// A prepared folder of the real weights, for comparison with reference values.
pub fn exact_weights() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| prepared("test-weights-exact", &real_source(), Encoding::F16))
}

fn real_source() -> Source {
    let shared = shared().expect("only called by tests on shared");
    Source::File(shared.join("weights/resnet18.safetensors"))
}

/// A prepared folder of an untrained network.
pub fn untrained_weights() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| prepared("test-weights-untrained", &Source::Untrained(1), Encoding::default()))
}

/// A prepared folder of another untrained network.
#[allow(dead_code)] // the native tests need no page
pub fn other_weights() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| prepared("test-weights-other", &Source::Untrained(2), Encoding::default()))
}

fn prepared(name: &str, source: &Source, encoding: Encoding) -> PathBuf {
    let folder = scratch(name);
    prepare(&folder, source, &Licence::default(), encoding, &mut |_| ()).expect("a good source can be prepared");
    folder
}

/// Drawn pictures of three classes that even an untrained network tells apart.
pub struct Drawn {
    /// Name and three pictures of each class; they lie in `classes/<name>`.
    pub classes: Vec<(String, Vec<PathBuf>)>,
    /// A new picture of each class, with its name.
    pub queries: Vec<(String, PathBuf)>,
}

/// Draws them into a folder.
pub fn drawn_classes(folder: &Path) -> Result<Drawn, image::ImageError> {
    let mut drawn = Drawn {
        classes: Vec::new(),
        queries: Vec::new(),
    };
    for class in ["disc", "stripes", "checks"] {
        let home = folder.join("classes").join(class);
        fs::create_dir_all(&home)?;
        let mut shots = Vec::new();
        for variant in 0..3 {
            shots.push(home.join(format!("{variant}.png")));
            draw(class, variant).save(&shots[variant as usize])?;
        }
        let query = folder.join(format!("new-{class}.png"));
        draw(class, 3).save(&query)?;
        drawn.classes.push((class.to_owned(), shots));
        drawn.queries.push((class.to_owned(), query));
    }
    Ok(drawn)
}

/// A picture of a class: `disc`, `stripes` (upright), `bands` (lying) or `checks`.
pub fn draw(class: &str, variant: u32) -> image::RgbImage {
    image::RgbImage::from_fn(256, 256, |x, y| {
        let inside = match class {
            "disc" => x.abs_diff(120 + variant * 9).pow(2) + y.abs_diff(130).pow(2) < (60 + variant * 8).pow(2),
            "stripes" => ((x + variant * 7) / (10 + variant)).is_multiple_of(2),
            "bands" => ((y + variant * 7) / (10 + variant)).is_multiple_of(2),
            _ => (x / (26 + variant) + y / (26 + variant)).is_multiple_of(2),
        };
        image::Rgb(if inside {
            [230, 60 + variant as u8 * 9, 40]
        } else {
            [30, 40, 90]
        })
    })
}

/// Words that stand for a place, in [`jpeg_with_place`].
pub const PLACE: &[u8] = b"48.8584 N 2.2945 E";

/// `plain.jpg` with an EXIF segment that has a GPS directory with those words.
pub fn jpeg_with_place() -> Vec<u8> {
    let plain = fs::read(fixture("plain.jpg")).expect("a fixture");
    // One entry, which points at the GPS directory; there one entry, of ASCII, which points behind it.
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x88\x25\0\x04\0\0\0\x01\0\0\0\x1a\0\0\0\0".to_vec();
    exif.extend(b"\0\x01\0\x1b\0\x02");
    exif.extend((PLACE.len() as u32).to_be_bytes());
    exif.extend(44_u32.to_be_bytes());
    exif.extend([0; 4]);
    exif.extend(PLACE);
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&plain[..2], b"\xff\xe1", &length, &exif, &plain[2..]].concat()
}

/// The reference values of `../shared/golden`, made with ONNX Runtime.
pub struct Golden {
    /// The eight photos.
    pub photos: Vec<PathBuf>,
    /// Their preprocessed inputs as squares, exact: the reference kept 8 bits before it normalised.
    pub squares: Vec<Square>,
    /// Their inputs, `[3, 224, 224]` each.
    #[allow(dead_code)] // the browser tests start from squares and files
    pub inputs: Vec<Vec<f32>>,
    /// Rows by tensor name: `embedding`, `layer1_mean`, `layer2_mean`, `layer3_mean`.
    pub rows: BTreeMap<&'static str, Vec<Vec<f32>>>,
}

impl Golden {
    /// Reads them.
    pub fn load() -> Self {
        let folder = shared().expect("only called by tests on shared").join("golden");
        let bytes = fs::read(folder.join("resnet18.safetensors")).expect("golden file");
        let file = SafeTensors::deserialize(&bytes).expect("golden is safetensors");
        let rows_of = |name: &str| -> Vec<Vec<f32>> {
            let view = file.tensor(name).expect("golden tensor");
            let values: Vec<f32> = view
                .data()
                .as_chunks()
                .0
                .iter()
                .map(|c| f32::from_le_bytes(*c))
                .collect();
            values
                .chunks(values.len() / view.shape()[0])
                .map(<[f32]>::to_vec)
                .collect()
        };
        let names: Vec<String> =
            serde_json::from_slice(&fs::read(folder.join("images.json")).expect("image list")).expect("a list");
        let inputs = rows_of("input");
        Self {
            photos: names.iter().map(|name| folder.join(name)).collect(),
            squares: inputs.iter().map(|input| square_of(input)).collect(),
            inputs,
            rows: ["embedding", "layer1_mean", "layer2_mean", "layer3_mean"]
                .map(|n| (n, rows_of(n)))
                .into(),
        }
    }
}

/// Undoes the normalisation.
fn square_of(input: &[f32]) -> Square {
    let mut rgba = vec![255; SIDE * SIDE * 4];
    for (index, value) in input.iter().enumerate() {
        let (channel, pixel) = (index / (SIDE * SIDE), index % (SIDE * SIDE));
        let byte = (value * STD[channel] + MEAN[channel]) * 255.0;
        assert!(
            (byte - byte.round()).abs() < 1e-3,
            "the reference input is not 8-bit: {byte}"
        );
        rgba[pixel * 4 + channel] = byte.round() as u8;
    }
    Square::from_rgba(&rgba).expect("a full square")
}

/// Cosine similarity.
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    (dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()) as f32
}

/// A test that computes ONNX files by tract: listed as ignored where `cargo xtask test` has not built `tests/tract` yet.
pub fn trial_by_tract(name: &str, test: fn() -> Outcome) -> Trial {
    Trial::test(name, test).with_ignored_flag(!tract().is_file())
}

fn tract() -> PathBuf {
    root().join("target/tract/debug/tract")
}

/// The outputs of an ONNX file for each square, as tract computes them: `[squares][outputs]`.
pub fn computed_by_tract(file: &Path, squares: &[Square]) -> Result<Vec<Vec<Vec<f32>>>, Failed> {
    let numbers = squares.iter().flat_map(Square::normalised);
    let bytes: Vec<u8> = numbers.flat_map(f32::to_le_bytes).collect();
    let input = file.with_extension("input");
    fs::write(&input, bytes)?;
    let run = Command::new(tract())
        .arg(file)
        .stdin(fs::File::open(&input)?)
        .output()?;
    if !run.status.success() {
        return Err(String::from_utf8_lossy(&run.stderr).into_owned().into());
    }
    let numbers = |column: &str| column.split(' ').map(str::parse).collect::<Result<Vec<f32>, _>>();
    let outputs = |line: &str| line.split('\t').map(numbers).collect::<Result<Vec<_>, _>>();
    let lines = String::from_utf8(run.stdout)?;
    Ok(lines.lines().map(outputs).collect::<Result<_, _>>()?)
}
