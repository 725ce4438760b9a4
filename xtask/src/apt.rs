//! Packages of the operating system, on Debian and what descends from it. The only place that calls apt-get.

use crate::process;
use anyhow::{Context, Result, bail};
use std::process::Command;

/// Installs packages with apt-get, through sudo where this is not root. Other systems get an error that names `what`
/// has to be installed by hand.
pub fn install(packages: &[&str], what: &str) -> Result<()> {
    if process::find_program(&["apt-get"]).is_none() {
        bail!("{what} is missing, and this system has no apt-get: please install it and run the command again");
    }
    eprintln!("Installing {what} (apt-get install {})", packages.join(" "));
    if process::run(&mut apt_get(packages)?).is_ok() {
        return Ok(());
    }
    eprintln!("Trying again with fresh package lists");
    let hint = || {
        format!(
            "{what} is missing and could not be installed; please install {} by hand",
            packages.join(" ")
        )
    };
    process::run(as_root()?.args(["apt-get", "update", "--quiet"])).with_context(hint)?;
    process::run(&mut apt_get(packages)?).with_context(hint)
}

fn apt_get(packages: &[&str]) -> Result<Command> {
    let mut command = as_root()?;
    command
        .args(["apt-get", "install", "--yes", "--quiet", "--no-install-recommends"])
        .args(packages);
    Ok(command)
}

/// `env …` for root, `sudo env …` for others: a command that runs its arguments as root and never asks questions.
fn as_root() -> Result<Command> {
    let is_root = process::output(Command::new("id").arg("-u"))?.trim() == "0";
    let mut command = if is_root {
        Command::new("env")
    } else {
        if process::find_program(&["sudo"]).is_none() {
            bail!("this needs root: there is no sudo here, so please run the command again as root");
        }
        let mut sudo = Command::new("sudo");
        sudo.arg("env");
        sudo
    };
    // What apt-get says is progress, not what our command gives.
    command.arg("DEBIAN_FRONTEND=noninteractive").stdout(std::io::stderr());
    Ok(command)
}
