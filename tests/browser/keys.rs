//! Keys that press buttons: which, where they do not, and that they can be switched off.

use libtest_mimic::Trial;

use crate::{
    stage::Stage,
    support::{Outcome, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![trial(
        "keys::they_press_buttons_and_can_be_switched_off",
        they_press_buttons_and_can_be_switched_off,
    )]
}

fn press(stage: &Stage, key: &str, on: &str) -> anyhow::Result<bool> {
    stage.page.eval(&format!(
        "document.querySelector('{on}').dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}', bubbles: true, cancelable: true }}))"
    ))
}

fn they_press_buttons_and_can_be_switched_off() -> Outcome {
    let stage = Stage::on_cpu()?;
    press(&stage, "a", "body")?;
    assert_eq!(stage.class_ids()?.len(), 3);
    press(&stage, "a", "input.class-name")?;
    assert_eq!(stage.class_ids()?.len(), 3, "a letter of a name is a letter");

    press(&stage, "?", "body")?;
    stage.wait("document.querySelector('#keys-dialog').open")?;
    let listed: String = stage.page.eval("document.querySelector('.keys-list').textContent")?;
    assert!(listed.contains("Train") && listed.contains("Freeze"), "{listed}");
    stage.page.click("#keys-on")?;
    stage.page.click("#keys-dialog .icon-button")?;
    press(&stage, "a", "body")?;
    assert_eq!(stage.class_ids()?.len(), 3, "they are off");

    stage.page.reload()?;
    stage.wait("document.querySelector('.class-card')")?;
    let classes = stage.class_ids()?.len();
    press(&stage, "a", "body")?;
    assert_eq!(stage.class_ids()?.len(), classes, "and stay so");
    stage.page.click("#keys")?;
    stage.page.click("#keys-on")?;
    stage.page.click("#keys-dialog .icon-button")?;
    press(&stage, "a", "body")?;
    assert_eq!(stage.class_ids()?.len(), classes + 1);
    stage.assert_quiet()?;
    Ok(())
}
