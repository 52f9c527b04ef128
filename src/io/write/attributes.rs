//! What a file keeps when its content is replaced: owner, mode, extended attributes and access lists.
//!
//! The new content is another file, so all of this is put on it before it takes the old one's place. What cannot be kept
//! is refused, with one exception: who owns a file is often not for its writer to say. Then no right may grow from that,
//! so the bits that lend the owner's rights are dropped, and a group that is another one gets what everybody has.

use std::io;

use super::extended_attributes::keep_extended;
use super::target::Target;
use crate::io::root::{FileStatus, HandleRef, UnixStatus, changes};

const SET_USER: u32 = 0o4000;
const SET_GROUP: u32 = 0o2000;
const GROUP_BITS: u32 = 0o070;
const ALL_BITS: u32 = 0o7777;

/// A step that failed, and why.
pub(super) type Failed = (String, io::Error);

/// Puts on `new` what the file at `target`, described by `old`, has; `status` describes `new`. A given `mode` is set
/// instead of the old one.
pub(super) fn keep(
    target: &Target,
    old: &FileStatus,
    new: HandleRef<'_>,
    status: &FileStatus,
    mode: Option<u32>,
) -> Result<(), Failed> {
    // On Windows a new file has the rights of its folder, and the old one's are not kept.
    let (Some(old), Some(status)) = (&old.unix, &status.unix) else {
        return mode.map_or(Ok(()), |mode| set_mode(new, mode));
    };
    let (owner_kept, group_kept) = keep_owner(old, new, status)?;
    keep_extended(target, new)?;
    let mut bits = old.mode & ALL_BITS;
    if !owner_kept || !group_kept {
        bits &= !(SET_USER | SET_GROUP);
    }
    if !group_kept {
        bits &= !GROUP_BITS | ((bits & 0o007) << 3);
    }
    set_mode(new, mode.unwrap_or(bits))
}

/// Sets the permission bits of an open file.
pub(super) fn set_mode(file: HandleRef<'_>, mode: u32) -> Result<(), Failed> {
    changes::set_mode(file, mode).map_err(|error| ("set the mode".to_owned(), error))
}

fn keep_owner(old: &UnixStatus, new: HandleRef<'_>, status: &UnixStatus) -> Result<(bool, bool), Failed> {
    if (old.uid, old.gid) == (status.uid, status.gid) {
        return Ok((true, true));
    }
    let (uid, gid) = (old.uid, old.gid);
    let give = |uid, gid| changes::set_owner(new, uid, gid).map_err(|error| ("keep the owner".to_owned(), error));
    if give(Some(uid), Some(gid))? {
        return Ok((true, true));
    }
    let group_kept = old.gid == status.gid || give(None, Some(gid))?;
    Ok((old.uid == status.uid, group_kept))
}
