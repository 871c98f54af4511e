//! Addresses of nodes on the cluster's bridge: what `ip address add` does, without running a program.
//!
//! A node of a cluster on one engine is a process of the host, so its address is one more address of the bridge. It goes
//! with the bridge, so nobody has to take it away.

use futures::TryStreamExt;
use rtnetlink::Handle;
use std::net::IpAddr;

/// Why a node could not get its address.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No netlink socket.
    #[error("failed to open a netlink socket")]
    Socket(#[source] std::io::Error),
    /// No such interface.
    #[error("failed to find the network interface {name}")]
    Interface {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: rtnetlink::Error,
    },
    /// The kernel refused; mostly for lack of rights.
    #[error("failed to add {address} to {name}; root or CAP_NET_ADMIN is needed")]
    Add {
        /// The address.
        address: IpAddr,
        /// The interface.
        name: String,
        /// Why.
        #[source]
        source: rtnetlink::Error,
    },
}

/// Gives an interface one more address, for this host only. One that it has already is fine.
pub async fn add_address(name: &str, address: IpAddr) -> Result<(), Error> {
    let (connection, handle, _) = rtnetlink::new_connection().map_err(Error::Socket)?;
    // The connection ends when the handle is dropped, and nothing else needs it.
    let add = add(handle, name, address);
    futures::pin_mut!(add);
    futures::pin_mut!(connection);
    match futures::future::select(add, connection).await {
        futures::future::Either::Left((result, _)) => result,
        futures::future::Either::Right(_) => Err(Error::Socket(std::io::ErrorKind::ConnectionAborted.into())),
    }
}

async fn add(handle: Handle, name: &str, address: IpAddr) -> Result<(), Error> {
    let interface = |source| Error::Interface { name: name.to_owned(), source };
    let link =
        handle.link().get().match_name(name.to_owned()).execute().try_next().await.map_err(interface)?;
    let index = link.ok_or_else(|| interface(rtnetlink::Error::RequestFailed))?.header.index;
    let prefix = if address.is_ipv4() { 32 } else { 128 };
    match handle.address().add(index, address, prefix).execute().await {
        Err(error) if !is_there_already(&error) => {
            Err(Error::Add { address, name: name.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

/// EEXIST.
fn is_there_already(error: &rtnetlink::Error) -> bool {
    matches!(error, rtnetlink::Error::NetlinkError(message) if message.to_io().kind() == std::io::ErrorKind::AlreadyExists)
}
