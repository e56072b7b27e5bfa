//! Accounts shown live, whatever breaks: what a browser rebuilds from what it was told is what the server has, entry for
//! entry (contract §6).

mod chance;
mod chaos;
mod cuts;
mod follower;
mod followers;
mod line;
mod many;
mod shown;
mod slow;
mod writers;
