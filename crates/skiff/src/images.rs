//! The images that Skiff ships, packed from the programs that the launcher carries. No registry is needed.

use crate::docker::Engine;
use anyhow::Result;
use serde_json::json;
use sha2::{Digest, Sha256};

/// One shipped image.
pub(crate) struct Image {
    pub(crate) name: &'static str,
    program: &'static str,
    bytes: &'static [u8],
    environment: &'static [&'static str],
}

const PAUSE_PROGRAM: &[u8] = include_bytes!(concat!(env!("IMAGE_PROGRAMS"), "/pause"));
const HELLO_PROGRAM: &[u8] = include_bytes!(concat!(env!("IMAGE_PROGRAMS"), "/hello"));

/// What every pod's pause container runs.
pub(crate) const PAUSE: &str = concat!("skiff/pause:", env!("CARGO_PKG_VERSION"));

/// Every shipped image.
pub(crate) const IMAGES: &[Image] = &[
    Image { name: PAUSE, program: "pause", bytes: PAUSE_PROGRAM, environment: &[] },
    Image { name: "skiff/hello:v1", program: "hello", bytes: HELLO_PROGRAM, environment: &["VERSION=v1"] },
    Image { name: "skiff/hello:v2", program: "hello", bytes: HELLO_PROGRAM, environment: &["VERSION=v2"] },
    Image {
        name: "skiff/hello:latest",
        program: "hello",
        bytes: HELLO_PROGRAM,
        environment: &["VERSION=latest"],
    },
];

/// Loads the images that the engine does not have.
pub(crate) async fn ensure(engine: &Engine) -> Result<Vec<&'static str>> {
    let mut loaded = Vec::new();
    for image in IMAGES {
        if !engine.has_image(image.name).await? {
            engine.load(image.archive()?).await?;
            loaded.push(image.name);
        }
    }
    Ok(loaded)
}

impl Image {
    /// The image as `docker save` would write it: one layer with one file.
    pub(crate) fn archive(&self) -> Result<Vec<u8>> {
        let layer = tar_of(&[(self.program, self.bytes, 0o755)])?;
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": [format!("/{}", self.program)], "Env": self.environment, "Labels": {"skiff.image": self.name}},
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", hex(&Sha256::digest(&layer)))]},
            "history": [{"created_by": "skiff"}],
        });
        let config = serde_json::to_vec(&config)?;
        let config_name = format!("{}.json", hex(&Sha256::digest(&config)));
        let manifest = json!([{"Config": config_name, "RepoTags": [self.name], "Layers": ["layer.tar"]}]);
        let manifest = serde_json::to_vec(&manifest)?;
        tar_of(&[
            (&config_name, &config, 0o644),
            ("layer.tar", &layer, 0o644),
            ("manifest.json", &manifest, 0o644),
        ])
    }
}

fn tar_of(files: &[(&str, &[u8], u32)]) -> Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes, mode) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(*mode);
        archive.append_data(&mut header, name, *bytes)?;
    }
    Ok(archive.into_inner()?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}
