//! The camera: snaps, bursts and live answers from a fake stream; every way in which it can be missing.

use std::{fs, path::PathBuf};

use image::{ExtendedColorType, RgbImage, codecs::jpeg::JpegEncoder, imageops::FilterType};
use libtest_mimic::Trial;
use xtask::{cdp::Permission, chrome::Chrome};

use crate::{
    flowers,
    stage::Stage,
    support::{Outcome, drawn_classes, scratch, trial, trial_on_shared},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("camera::snap_burst_and_live", snap_burst_and_live),
        trial(
            "camera::frames_are_copied_as_they_would_be_drawn",
            frames_are_copied_as_they_would_be_drawn,
        ),
        trial("camera::a_wrong_name_is_corrected", a_wrong_name_is_corrected),
        trial("camera::a_voice_of_the_device_says_it", a_voice_of_the_device_says_it),
        trial("camera::a_refused_camera_says_so", a_refused_camera_says_so),
        trial("camera::a_missing_camera_says_so", a_missing_camera_says_so),
        trial(
            "camera::an_unanswered_question_says_where_to_look",
            an_unanswered_question_says_where_to_look,
        ),
        trial("camera::a_busy_camera_says_so", a_busy_camera_says_so),
        trial(
            "camera::an_unplugged_camera_says_so_and_comes_back",
            an_unplugged_camera_says_so_and_comes_back,
        ),
        trial("camera::a_hidden_tab_switches_it_off", a_hidden_tab_switches_it_off),
        trial("camera::one_of_several_can_be_chosen", one_of_several_can_be_chosen),
        trial(
            "camera::an_insecure_page_works_without_camera",
            an_insecure_page_works_without_camera,
        ),
        trial_on_shared("camera::live_answers_on_real_photos", live_answers_on_real_photos),
    ]
}

/// A camera stream that shows these pictures, half a second each, 320 × 240.
pub fn stream(name: &str, pictures: &[RgbImage]) -> Result<PathBuf, image::ImageError> {
    let mut film = Vec::new();
    for picture in pictures {
        let frame = image::imageops::resize(picture, 320, 240, FilterType::Triangle);
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, 95).encode(&frame, 320, 240, ExtendedColorType::Rgb8)?;
        film.extend(jpeg.repeat(15));
    }
    let file = scratch(name).join("camera.mjpeg");
    fs::write(&file, film)?;
    Ok(file)
}

fn filmed(file: &std::path::Path) -> anyhow::Result<Stage> {
    let stage = Stage::set(Chrome::builder().camera(file))?;
    stage
        .page
        .set_permission(&stage.server.origin(), "camera", Permission::Granted)?;
    stage.open_quick("cpu")?;
    Ok(stage)
}

/// Starts the live answers and waits for some; returns the winner's name.
fn live_winner(stage: &Stage) -> anyhow::Result<String> {
    stage.page.click("#live-toggle")?;
    stage.wait("Number(document.querySelector('#live').dataset.frames) >= 3")?;
    stage.page.eval(
        "[...document.querySelectorAll('#live .bar')]
           .reduce((a, b) => (Number(b.dataset.probability) > Number(a.dataset.probability) ? b : a))
           .querySelector('.bar-name').textContent",
    )
}

const CAMERA_RUNS: &str = "[...document.querySelectorAll('video')].some((video) => video.srcObject?.active)";

fn snap_burst_and_live() -> Outcome {
    let drawn = drawn_classes(&scratch("browser-camera"))?;
    let film = stream("browser-camera-film", &[image::open(&drawn.queries[0].1)?.into_rgb8()])?;
    let stage = filmed(&film)?;
    let ids = stage.class_ids()?;
    assert!(
        !stage.page.eval::<bool>(CAMERA_RUNS)?,
        "the camera is off until it is wanted"
    );

    stage
        .page
        .click(&format!("[data-class-id='{}'] [data-action=camera]", ids[0]))?;
    stage.wait("!document.querySelector('[data-shutter]').disabled")?;
    stage.page.click("[data-shutter]")?;
    stage.wait_for_shots(ids[0], 1)?;
    stage.page.mouse_down("[data-shutter]")?;
    stage.wait(&format!(
        "document.querySelectorAll(\"[data-class-id='{}'] .shot\").length >= 4",
        ids[0]
    ))?;
    stage.page.mouse_up()?;
    stage.wait("!document.querySelector('.shot[data-status=pending]')")?;
    let burst = stage.shots(ids[0])?;
    stage
        .page
        .eval::<bool>("new Promise((done) => setTimeout(() => done(true), 700))")?;
    assert_eq!(stage.shots(ids[0])?, burst, "the burst ends with the press");
    stage
        .page
        .click(&format!("[data-class-id='{}'] [data-action=camera]", ids[0]))?;
    stage.wait(&format!("!({CAMERA_RUNS})"))?;

    stage.rename(ids[0], "filmed")?;
    stage.add_photos(ids[1], &drawn.classes[1].1)?;
    assert_eq!(live_winner(&stage)?, "filmed");
    stage.train()?;
    stage.wait("document.querySelector('#live [data-prediction]').dataset.method === 'finetune'")?;
    stage.page.click("#live-toggle")?;
    stage.wait(&format!("!({CAMERA_RUNS})"))?;

    // It goes on out of sight, where a phone shows the answer at its foot.
    stage.page.set_viewport(390, 844, 1.0, true)?;
    let frames = "Number(document.querySelector('#live').dataset.frames)";
    let before: u32 = stage.page.eval(frames)?;
    stage
        .page
        .eval::<bool>("(scrollTo(0, 0), document.querySelector('#live-toggle').click(), true)")?;
    stage.wait(&format!("{frames} >= {}", before + 3))?;
    stage.assert_quiet()?;
    Ok(())
}

/// How far the pictures of a camera's frame are apart, in levels: copied and drawn, both of them mirrored, copied and its mirror
/// image; and how many frames were copied. The frame is dark on the left and bright on the right.
const COPIED_AND_DRAWN: &str = "(async () => {
  const { loadModule } = await import('/www/engine/module.js');
  const { pictureOfFrame } = await import('/www/engine/pictures.js');
  const { module } = await loadModule('light');
  const [width, height] = [640, 480];
  const bytes = new Uint8Array(width * height * 1.5).fill(128);
  for (let at = 0; at < width * height; at++) bytes[at] = 16 + ((at % width) * 219) / width;
  const frame = () => new VideoFrame(bytes, { format: 'I420', codedWidth: width, codedHeight: height, timestamp: 0 });
  const still = async () => {
    const copied = frame();
    const bitmap = await createImageBitmap(copied);
    copied.close();
    return bitmap;
  };
  const centre = async (of, mirror) => {
    const picture = await pictureOfFrame(module, of, mirror);
    const pixels = picture.centre();
    picture.free();
    return pixels;
  };
  let copies = 0;
  const { copyTo } = VideoFrame.prototype;
  VideoFrame.prototype.copyTo = function (...how) {
    copies++;
    return copyTo.apply(this, how);
  };
  const [copied, drawn] = [await centre(frame(), false), await centre(await still(), false)];
  const [turned, drawnTurned] = [await centre(frame(), true), await centre(await still(), true)];
  const apart = (a, b) => a.reduce((most, value, at) => Math.max(most, Math.abs(value - b[at])), 0);
  return [apart(copied, drawn), apart(turned, drawnTurned), apart(copied, turned), copies];
})()";

fn frames_are_copied_as_they_would_be_drawn() -> Outcome {
    let stage = Stage::on_cpu()?;
    let [drawn, mirrored, turned, copies]: [u32; 4] = stage.page.eval(COPIED_AND_DRAWN)?;
    assert!(drawn <= 3 && mirrored <= 3, "{drawn} and {mirrored} levels");
    assert!(turned > 100, "a mirror image {turned} levels apart");
    assert_eq!(copies, 2);
    stage.assert_quiet()?;
    Ok(())
}

/// How often the camera's picture was named, now and a while later.
fn frames_named(stage: &Stage) -> anyhow::Result<[u32; 2]> {
    stage.page.eval(
        "(async () => {
           const named = () => Number(document.querySelector('#live').dataset.frames);
           await new Promise((done) => setTimeout(done, 1000));
           const before = named();
           await new Promise((done) => setTimeout(done, 1000));
           return [before, named()];
         })()",
    )
}

/// The likelihood of a class, as it is shown: at first, after an answer that is the opposite, and once the classes are others.
const CALMED: &str = "import('/www/smoothing.js').then(({ Smoothing }) => {
  const smoothing = new Smoothing();
  const answer = (classIds, probability) => ({
    method: 'prototype',
    scores: classIds.map((classId) => ({ classId, probability })),
    nearest: null,
    familiarity: { probability, certain: true },
  });
  const shown = [answer([1, 2], 0), answer([1, 2], 1), answer([1, 3], 1)].map((one) => smoothing.smooth(one));
  return shown.flatMap(({ scores, familiarity }) => [scores[0].probability, familiarity.probability]);
})";

fn a_wrong_name_is_corrected() -> Outcome {
    let drawn = drawn_classes(&scratch("browser-correct"))?;
    let film = stream("browser-correct-film", &[image::open(&drawn.queries[0].1)?.into_rgb8()])?;
    let stage = filmed(&film)?;
    assert_eq!(stage.page.eval::<Vec<f64>>(CALMED)?, [0.0, 0.0, 0.4, 0.4, 1.0, 1.0]);
    let ids = stage.class_ids()?;
    stage.rename(ids[0], "wrong")?;
    stage.add_photos(ids[0], &drawn.classes[0].1)?;
    stage.add_photos(ids[1], &drawn.classes[1].1)?;
    stage.train()?;
    assert_eq!(live_winner(&stage)?, "wrong");

    stage.page.click("#live-freeze")?;
    stage.wait("document.querySelector('#live').dataset.frozen === 'true'")?;
    let [before, after] = frames_named(&stage)?;
    assert_eq!(before, after, "a frozen picture is named once");
    let shots = stage.shots(ids[1])?;
    let chosen: bool = stage.page.eval(&format!(
        "(() => {{
           const truth = document.querySelector('#live-truth');
           truth.value = '{}';
           return truth.dispatchEvent(new Event('change'));
         }})()",
        ids[1]
    ))?;
    assert!(chosen);
    stage.wait_for_shots(ids[1], shots + 1)?;
    stage.wait("document.querySelector('.train').dataset.head === 'trained'")?;
    // The frozen picture is named anew, and nothing is more like it than what was learnt of it.
    stage.wait(&format!(
        "document.querySelector(\"[data-class-id='{}'] .shot[data-shot-id='\" +
           document.querySelector('#live [data-prediction]').dataset.nearestShotId + \"']\")",
        ids[1]
    ))?;

    stage.page.click("#live-freeze")?;
    let [before, after] = frames_named(&stage)?;
    assert!(after > before, "it goes on");
    stage.assert_quiet()?;
    Ok(())
}

/// The page's voices, and what is said by them. Headless Chromium has none.
const VOICES: &str = "(voices) => {
  speechSynthesis.getVoices = () => voices;
  window.SpeechSynthesisUtterance = class { constructor(words) { this.words = words; } };
  speechSynthesis.speak = ({ words }) => (window.said = words);
  speechSynthesis.dispatchEvent(new Event('voiceschanged'));
  return document.querySelector('#live-aloud').checkVisibility();
}";

fn a_voice_of_the_device_says_it() -> Outcome {
    let drawn = drawn_classes(&scratch("browser-voice"))?;
    let film = stream("browser-voice-film", &[image::open(&drawn.queries[0].1)?.into_rgb8()])?;
    let stage = filmed(&film)?;
    let ids = stage.class_ids()?;
    stage.rename(ids[0], "filmed")?;
    stage.add_photos(ids[0], &drawn.classes[0].1)?;
    stage.add_photos(ids[1], &drawn.classes[1].1)?;
    let offered = |local: bool| -> anyhow::Result<bool> {
        stage
            .page
            .eval(&format!("({VOICES})([{{ localService: {local}, lang: 'en-GB' }}])"))
    };
    assert!(!offered(false)?, "another's voice would send the words away");
    assert!(offered(true)?);
    stage.page.click("#live-aloud")?;
    assert_eq!(live_winner(&stage)?, "filmed");
    stage.wait("window.said?.startsWith('filmed')")?;
    stage.assert_quiet()?;
    Ok(())
}

fn a_refused_camera_says_so() -> Outcome {
    let drawn = drawn_classes(&scratch("browser-refused"))?;
    let film = stream("browser-refused-film", &[image::open(&drawn.queries[0].1)?.into_rgb8()])?;
    let stage = Stage::set(Chrome::builder().camera(&film))?;
    stage
        .page
        .set_permission(&stage.server.origin(), "camera", Permission::Denied)?;
    stage.open_quick("cpu")?;
    stage.page.click("[data-action=camera]")?;
    stage.wait("document.querySelector('.capture').textContent.includes('blocked for this page')")?;
    stage.assert_quiet()?;
    Ok(())
}

fn a_missing_camera_says_so() -> Outcome {
    let stage = Stage::set(Chrome::builder())?;
    stage
        .page
        .set_permission(&stage.server.origin(), "camera", Permission::Granted)?;
    stage.open_quick("cpu")?;
    stage.page.click("[data-action=camera]")?;
    stage.wait("document.querySelector('.capture').textContent.includes('No camera was found')")?;
    stage.assert_quiet()?;
    Ok(())
}

/// A headless browser answers by itself, so a question that nobody answers is put in its place.
fn an_unanswered_question_says_where_to_look() -> Outcome {
    let stage = Stage::set(Chrome::builder())?;
    stage.open_quick("cpu")?;
    stage
        .page
        .eval::<bool>("(navigator.mediaDevices.getUserMedia = () => new Promise(() => {}), true)")?;
    stage.page.click("[data-action=camera]")?;
    stage
        .wait("document.querySelector('.capture').textContent.includes('asks whether this page may use the camera')")?;
    stage.wait("document.querySelector('.capture').textContent.includes('Look for the question')")?;
    stage.assert_quiet()?;
    Ok(())
}

/// No second program can take a fake camera, so the browser's answer is put in its place.
fn a_busy_camera_says_so() -> Outcome {
    let stage = Stage::set(Chrome::builder())?;
    stage.open_quick("cpu")?;
    stage.page.eval::<bool>(
        "(navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotReadableError')), true)",
    )?;
    stage.page.click("[data-action=camera]")?;
    stage.wait("document.querySelector('.capture').textContent.includes('in use by another program')")?;
    stage.assert_quiet()?;
    Ok(())
}

/// A page whose camera is open in its first class. The browser makes the pictures up.
fn with_open_camera(cameras: usize) -> anyhow::Result<Stage> {
    let flag = format!("--use-fake-device-for-media-stream=device-count={cameras}");
    let stage = Stage::set(Chrome::builder().flag(&flag))?;
    stage
        .page
        .set_permission(&stage.server.origin(), "camera", Permission::Granted)?;
    stage.open_quick("cpu")?;
    stage.page.click("[data-action=camera]")?;
    stage.wait("!document.querySelector('[data-shutter]').disabled")?;
    Ok(stage)
}

/// A fake camera has no plug, so its track is told what a real one is told then.
fn an_unplugged_camera_says_so_and_comes_back() -> Outcome {
    let stage = with_open_camera(1)?;
    stage.page.eval::<bool>(
        "(document.querySelector('.capture video').srcObject.getVideoTracks()[0].dispatchEvent(new Event('ended')), true)",
    )?;
    stage.wait("document.querySelector('.capture').textContent.includes('The camera was disconnected')")?;
    assert!(
        stage
            .page
            .eval::<bool>("document.querySelector('[data-shutter]').disabled")?
    );
    stage.page.click(".capture .viewfinder-overlay button")?;
    stage.wait("!document.querySelector('[data-shutter]').disabled")?;
    stage.assert_quiet()?;
    Ok(())
}

/// Headless tabs are always in front, so the page is told that it is not.
fn a_hidden_tab_switches_it_off() -> Outcome {
    let stage = with_open_camera(1)?;
    let set_hidden = |hidden: bool| {
        let script = format!(
            "(Object.defineProperty(document, 'hidden', {{ configurable: true, value: {hidden} }}),
              document.dispatchEvent(new Event('visibilitychange')))"
        );
        stage.page.eval::<bool>(&script)
    };
    set_hidden(true)?;
    stage.wait(&format!("!({CAMERA_RUNS})"))?;
    set_hidden(false)?;
    stage.wait(CAMERA_RUNS)?;
    stage.assert_quiet()?;
    Ok(())
}

fn one_of_several_can_be_chosen() -> Outcome {
    let stage = with_open_camera(3)?;
    let running = "document.querySelector('.capture video').srcObject?.getVideoTracks()[0].getSettings().deviceId";
    stage.wait("document.querySelectorAll('.capture select option').length === 3")?;
    let before: String = stage.page.eval(running)?;
    let chosen: String = stage.page.eval(&format!(
        "(() => {{ const select = document.querySelector('.capture select');
           select.value = [...select.options].map((option) => option.value).find((id) => id !== {running});
           select.dispatchEvent(new Event('change', {{ bubbles: true }}));
           return select.value; }})()"
    ))?;
    assert_ne!(chosen, before);
    stage.wait(&format!("{running} === '{chosen}'"))?;
    stage.assert_quiet()?;
    Ok(())
}

/// By plain http from a name that is not localhost: no camera, no cache, no hashing, no WebGPU; yet photos work.
fn an_insecure_page_works_without_camera() -> Outcome {
    let stage = Stage::set(Chrome::builder().flag("--host-resolver-rules=MAP insecure.test 127.0.0.1"))?;
    stage
        .page
        .goto(&format!("http://insecure.test:{}/index.html", stage.server.port()))?;
    stage.wait_for_engine()?;
    assert!(!stage.page.eval::<bool>("isSecureContext")?);
    let ids = stage.class_ids()?;
    stage.page.click("[data-action=camera]")?;
    stage.wait("document.querySelector('.capture').textContent.includes('secure pages alone')")?;
    stage.page.click("[data-action=camera]")?;
    let drawn = drawn_classes(&scratch("browser-insecure"))?;
    stage.add_photos(ids[0], &drawn.classes[0].1)?;
    stage.assert_quiet()?;
    Ok(())
}

/// The stream shows a flower that the native run names right.
fn live_answers_on_real_photos() -> Outcome {
    let episode = flowers::Episode::first(3, 5, 4)?;
    let [native, _] = episode.native_answers()?;
    let mut queries = episode.queries.iter().zip(&native);
    let ((name, photo), _) = queries
        .find(|((name, _), (answer, probability))| answer == name && *probability > 0.4)
        .ok_or("a query that is surely right")?;
    let film = stream("browser-film-flowers", &[square_cut(photo)?])?;
    let stage = filmed(&film)?;
    stage.teach(&episode.classes)?;
    assert_eq!(&live_winner(&stage)?, name);
    stage.assert_quiet()?;
    Ok(())
}

/// The middle of a photo at the camera's 4 : 3, so that the stream is not distorted.
fn square_cut(photo: &std::path::Path) -> Result<RgbImage, image::ImageError> {
    let picture = image::open(photo)?.into_rgb8();
    let (width, height) = picture.dimensions();
    let (cut_width, cut_height) = if width * 3 > height * 4 {
        (height * 4 / 3, height)
    } else {
        (width, width * 3 / 4)
    };
    let (left, top) = ((width - cut_width) / 2, (height - cut_height) / 2);
    Ok(image::imageops::crop_imm(&picture, left, top, cut_width, cut_height).to_image())
}
