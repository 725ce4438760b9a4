//! The tour: it goes through its parts by keys alone, can be skipped, and leaves the page as it was.

use std::time::Duration;

use libtest_mimic::Trial;
use xtask::{chrome::Chrome, server::Fault};

use crate::{
    stage::Stage,
    support::{Outcome, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "tour::it_goes_through_its_parts_and_can_be_skipped",
            it_goes_through_its_parts_and_can_be_skipped,
        ),
        trial(
            "tour::its_button_keeps_the_focus_when_the_network_arrives",
            its_button_keeps_the_focus_when_the_network_arrives,
        ),
    ]
}

/// Whether the bubble is open, in the window, and beside its part instead of over it.
const BESIDE: &str = "(() => {
  const part = document.querySelector('.tour-part')?.getBoundingClientRect();
  const bubble = document.querySelector('#tour').getBoundingClientRect();
  if (!document.querySelector('#tour:popover-open') || !part) return 'closed';
  if (bubble.top < 0 || bubble.left < 0 || bubble.right > innerWidth || bubble.bottom > innerHeight) return 'outside';
  return bubble.top >= part.bottom || bubble.bottom <= part.top ? 'beside' : 'over';
})()";

fn state(stage: &Stage) -> anyhow::Result<String> {
    stage.page.eval(BESIDE)
}

fn it_goes_through_its_parts_and_can_be_skipped() -> Outcome {
    let stage = Stage::set(Chrome::builder())?;
    stage.page.goto(&stage.server.url("/index.html?backend=cpu"))?;
    stage.wait("document.querySelector('.class-card')")?;
    for (width, height) in [(1280, 800), (360, 640)] {
        stage.page.set_viewport(width, height, 1.0, width < 600)?;
        stage.page.click("#start-tour")?;
        let mut titles = Vec::new();
        while state(&stage)? != "closed" {
            assert_eq!(state(&stage)?, "beside", "{width}: {titles:?}");
            titles.push(
                stage
                    .page
                    .eval::<String>("document.querySelector('#tour-title').textContent")?,
            );
            // The title has the focus; the way to the next part is a few keys on.
            while !stage.page.eval::<bool>("document.activeElement.id === 'tour-next'")? {
                stage.page.press_key("Tab")?;
            }
            stage.page.press_key("Enter")?;
        }
        assert_eq!(titles, ["Show", "Train", "Try", "Keep", "Share"]);
        assert!(stage.page.eval::<bool>("document.activeElement.id === 'start-tour'")?);

        stage.page.press_key("Enter")?;
        assert_eq!(state(&stage)?, "beside");
        stage.page.press_key("Escape")?;
        assert_eq!(state(&stage)?, "closed");
        assert!(
            !stage
                .page
                .eval::<bool>("document.querySelector('.tour-part') !== null")?
        );
    }
    assert_eq!(stage.class_ids()?.len(), 2, "nothing was pressed on the way");
    stage.assert_quiet()?;
    Ok(())
}

fn its_button_keeps_the_focus_when_the_network_arrives() -> Outcome {
    let stage = Stage::set(Chrome::builder())?;
    let manifest = "/weights/manifest.json";
    stage.server.fault(manifest, Fault::Delay(Duration::from_secs(4)));
    stage.page.goto(&stage.server.url("/index.html?backend=cpu"))?;
    stage.wait("document.querySelector('.class-card')")?;
    stage.page.eval::<()>("document.querySelector('#start-tour').focus()")?;
    let state: String = stage.page.eval("document.documentElement.dataset.engine")?;
    assert_eq!(state, "loading", "the page is there before the weights");
    stage.wait_for_engine()?;
    assert!(stage.page.eval::<bool>("document.activeElement.id === 'start-tour'")?);
    stage.assert_quiet()?;
    Ok(())
}
