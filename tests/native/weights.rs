//! Preparing weights: from every kind of file, from a download that goes well or badly, from nothing.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    thread,
};

use glimpse::{
    Error, StateDict,
    architecture::convolutions,
    manifest::sha256,
    native::{
        download::download,
        pth,
        weights::{Encoding, Licence, Source, check, load, prepare},
    },
    untrained,
};
use libtest_mimic::Trial;

use crate::support::{Outcome, cosine, fixture, scratch, trial, untrained_weights};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("weights::both_pth_formats", both_pth_formats),
        trial("weights::a_pth_of_another_network", a_pth_of_another_network),
        trial(
            "weights::untrained_is_complete_and_marked",
            untrained_is_complete_and_marked,
        ),
        trial("weights::prepared_weights_are_kept", prepared_weights_are_kept),
        trial("weights::a_changed_file_is_noticed", a_changed_file_is_noticed),
        trial(
            "weights::a_bad_source_leaves_the_old_file",
            a_bad_source_leaves_the_old_file,
        ),
        trial("weights::download_whole", download_whole),
        trial("weights::download_cut", download_cut),
        trial("weights::download_wrong_hash", download_wrong_hash),
        trial("weights::download_404", download_404),
        trial("weights::licence_travels_with_the_file", licence_travels_with_the_file),
    ]
}

fn quiet(out: &Path, source: &Source) -> Result<glimpse::manifest::Manifest, Error> {
    prepare(out, source, &Licence::default(), Encoding::default(), &mut |_| ())
}

fn both_pth_formats() -> Outcome {
    for name in ["tiny-zip.pth", "tiny-legacy.pth"] {
        let dict = pth::read(&fixture(name))?;
        assert_eq!(
            dict.names().collect::<Vec<_>>(),
            ["bn1.running_var", "conv1.weight"],
            "{name}"
        );
        let weight = dict.get("conv1.weight", &[2, 3, 2, 2])?;
        let expected: Vec<f32> = (0..24).map(|value| value as f32 / 8.0).collect();
        assert_eq!(weight.values, expected, "{name}");
        assert_eq!(
            dict.get("bn1.running_var", &[2])?.values,
            [0.5, 2.0],
            "{name}: f16 is read too"
        );
    }
    Ok(())
}

fn a_pth_of_another_network() -> Outcome {
    let error = quiet(&scratch("tiny-pth"), &Source::File(fixture("tiny-zip.pth")))
        .err()
        .ok_or("accepted")?;
    assert_eq!(error.code(), "weights-shape", "{error}");
    let error = quiet(&scratch("text-pth"), &Source::File(fixture("text.jpg")))
        .err()
        .ok_or("accepted")?;
    assert_eq!(error.code(), "weights-format", "{error}");
    Ok(())
}

fn untrained_is_complete_and_marked() -> Outcome {
    let manifest = check(untrained_weights())?;
    assert!(!manifest.trained && manifest.origin.redistributable);
    assert!(manifest.bytes < 6_500_000, "{} bytes", manifest.bytes);
    assert_eq!(manifest.probe.embedding.len(), 512);
    let expected = untrained::state_dict(1).folded_trunk(&convolutions())?;
    assert_eq!(
        manifest.identity,
        expected.identity()?,
        "known by what it was before it was rounded"
    );
    let written = load(untrained_weights())?;
    for convolution in convolutions() {
        let name = format!("{}.weight", convolution.name);
        let [got, expected] = [&written, &expected].map(|dict| dict.get(&name, &convolution.shape()));
        let likeness = cosine(&got?.values, &expected?.values);
        assert!(likeness > 0.99, "{name}: {likeness}");
    }
    Ok(())
}

fn prepared_weights_are_kept() -> Outcome {
    let before = check(untrained_weights())?;
    let after = quiet(untrained_weights(), &Source::Automatic)?;
    assert_eq!(before, after);
    Ok(())
}

fn a_changed_file_is_noticed() -> Outcome {
    let folder = scratch("changed-weights");
    for entry in fs::read_dir(untrained_weights())? {
        let path = entry?.path();
        fs::copy(&path, folder.join(path.file_name().ok_or("a name")?))?;
    }
    let file = folder.join("resnet18.compact");
    let mut bytes = fs::read(&file)?;
    *bytes.last_mut().ok_or("bytes")? ^= 1;
    fs::write(&file, &bytes)?;
    let error = load(&folder).err().ok_or("accepted")?;
    assert!(
        error.code() == "manifest" && error.to_string().contains(&sha256(&bytes)),
        "{error}"
    );
    Ok(())
}

fn a_bad_source_leaves_the_old_file() -> Outcome {
    let folder = scratch("kept-weights");
    let before = quiet(&folder, &Source::Untrained(7))?;
    assert!(quiet(&folder, &Source::File(fixture("text.jpg"))).is_err());
    assert!(quiet(&folder, &Source::File("no/such/file.safetensors".into())).is_err());
    assert_eq!(check(&folder)?, before);
    Ok(())
}

/// Answers one request with these bytes and closes.
fn serve_once(answer: Vec<u8>) -> Result<String, std::io::Error> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("one client");
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(&answer);
    });
    Ok(format!("http://{address}"))
}

fn ok_answer(body: &[u8], announced: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {announced}\r\nConnection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn download_whole() -> Outcome {
    let body = vec![42; 300_000];
    let url = format!(
        "{}/file-{}.pth",
        serve_once(ok_answer(&body, body.len()))?,
        &sha256(&body)[..8]
    );
    let target = scratch("download-whole").join("file.pth");
    let mut last = (0, None);
    let prefix = glimpse::native::download::hash_prefix_in_name(&url).ok_or("a hash in the name")?;
    download(&url, &target, Some(prefix), |received, total| {
        assert!(received > last.0, "progress grows");
        last = (received, total);
    })?;
    assert_eq!(last, (300_000, Some(300_000)));
    assert_eq!(fs::read(&target)?, body);
    Ok(())
}

/// A download that must fail and leave nothing under its target's name.
fn failing_download(name: &str, answer: Vec<u8>, hash_prefix: Option<&str>, reason: &str) -> Outcome {
    let url = format!("{}/{name}.pth", serve_once(answer)?);
    let target = scratch(name).join("file.pth");
    let error = download(&url, &target, hash_prefix, |_, _| ())
        .err()
        .ok_or("it succeeded")?;
    assert!(
        error.code() == "download" && error.to_string().contains(reason),
        "{error}"
    );
    assert!(!target.exists());
    Ok(())
}

fn download_cut() -> Outcome {
    failing_download("download-cut", ok_answer(&[1; 1000], 5000), None, "cut off")
}

fn download_wrong_hash() -> Outcome {
    failing_download(
        "download-hash",
        ok_answer(b"other bytes", 11),
        Some("f37072fd"),
        "f37072fd",
    )
}

fn download_404() -> Outcome {
    let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
    failing_download("download-404", answer, None, "404")
}

fn licence_travels_with_the_file() -> Outcome {
    let folder = scratch("licence");
    let file = folder.join("mine.safetensors");
    fs::write(
        &file,
        untrained::state_dict(3)
            .folded_trunk(&convolutions())?
            .to_safetensors_f16()?,
    )?;
    let unknown = quiet(&folder.join("a"), &Source::File(file.clone()))?;
    assert!(!unknown.origin.redistributable && unknown.origin.licence == "unknown");
    let licence = Licence {
        name: Some("MIT".into()),
        redistributable: true,
    };
    let source = Source::File(file.clone());
    let known = prepare(&folder.join("b"), &source, &licence, Encoding::F16, &mut |_| ())?;
    assert!(known.origin.redistributable && known.origin.licence == "MIT" && known.trained);
    assert_eq!(
        known.sha256,
        sha256(&fs::read(&file)?),
        "a folded f16 file is written as it came"
    );
    assert_eq!(known.identity, unknown.identity, "one network in two encodings");
    assert_ne!(known.sha256, unknown.sha256);
    assert!(StateDict::from_safetensors(&fs::read(file)?).is_ok());
    Ok(())
}
