//! Where in a picture the evidence lies, with the real network: in a picture of two things side by side, each on its own side.

use glimpse::{
    Picture, Session, StateDict,
    backend::{Backbone, BackendKind},
    cpu::Layer4,
    embedder::{Views, embed},
    evidence::SIDE,
    finetune::TrainingRequest,
    native::weights,
    tuned::layer4_map,
};
use image::RgbImage;
use libtest_mimic::Trial;

use crate::support::{Outcome, draw, real_weights, trial_on_shared};

pub fn trials() -> Vec<Trial> {
    vec![trial_on_shared(
        "evidence::two_things_side_by_side",
        two_things_side_by_side,
    )]
}

fn picture(drawn: &RgbImage) -> Result<Picture, glimpse::Error> {
    Picture::from_rgb(drawn.as_raw().clone(), drawn.width() as usize, drawn.height() as usize)
}

/// The mean over the three columns at the left and at the right.
fn sides(spots: &[f32]) -> [f32; 2] {
    let mean = |columns: std::ops::Range<usize>| {
        let spots = spots
            .iter()
            .enumerate()
            .filter(|(spot, _)| columns.contains(&(spot % SIDE)));
        spots.map(|(_, value)| value).sum::<f32>() / 21.0
    };
    [mean(0..3), mean(4..7)]
}

fn two_things_side_by_side() -> Outcome {
    let state_dict: StateDict = weights::load(real_weights())?;
    let backbone = pollster::block_on(Backbone::start(BackendKind::Cpu, state_dict.clone()))?;
    let layer4 = Layer4::load(state_dict)?;
    let mut session = Session::default();
    for (class_id, class) in ["disc", "checks"].into_iter().enumerate() {
        for variant in 0..3 {
            let shot = picture(&draw(class, variant))?;
            let embedding = pollster::block_on(embed(&backbone, &shot, Views::One))?;
            let shot_id = class_id as u32 * 10 + variant;
            session.support_mut().set_shot(class_id as u32, shot_id, embedding);
        }
    }
    let mut both = draw("disc", 3);
    let checks = draw("checks", 3);
    for (x, y, pixel) in both.enumerate_pixels_mut() {
        if x >= 128 {
            *pixel = *checks.get_pixel(x, y);
        }
    }
    let both = picture(&both)?;
    let map = pollster::block_on(layer4_map(&backbone, &both, &layer4))?;
    let (whole, pooled) = (
        pollster::block_on(embed(&backbone, &both, Views::One))?,
        map.embedding()?,
    );
    assert!(
        whole.similarity(&pooled) > 0.99999,
        "the map is the one that was pooled"
    );
    for trained in [false, true] {
        if trained {
            session.train(&TrainingRequest::default())?;
        }
        let [disc, checks] = session.evidence(&map)?.try_into().map_err(|_| "two classes")?;
        let [left, right] = sides(&disc.spots);
        assert!(left > right, "the disc is on the left: {left}, {right}");
        let [left, right] = sides(&checks.spots);
        assert!(right > left, "the checks are on the right: {left}, {right}");
    }
    Ok(())
}
