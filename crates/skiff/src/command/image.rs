//! `skiff image`: what skiff brings along. Your own images are simply those of your Docker Engine.

use super::say;
use crate::args::Image;
use crate::docker::Engine;
use crate::images::IMAGES;
use anyhow::Result;

pub(crate) async fn run(command: Image) -> Result<()> {
    let engine = Engine::connect().await?;
    match command {
        Image::Ls => {
            for image in IMAGES {
                let state = if engine.has_image(image.name).await? { "loaded" } else { "not loaded" };
                say(&format!("{:<24} {state}", image.name));
            }
        }
        Image::Build => {
            for image in IMAGES {
                engine.load(image.archive()?).await?;
                say(&format!("loaded {}", image.name));
            }
        }
        Image::Rm => {
            for image in IMAGES {
                engine.remove_image(image.name).await?;
                say(&format!("removed {}", image.name));
            }
        }
    }
    Ok(())
}
