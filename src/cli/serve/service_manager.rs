//! Messages to systemd, if it has started the server with `Type=notify`. Otherwise no message is sent.

use std::time::Duration;

use crate::cloakroom::Pulse;

#[cfg(target_os = "linux")]
use sd_notify::NotifyState;

/// Reports that the server is ready, for the first time or after a reload.
pub(super) fn ready(status: &str) {
    #[cfg(target_os = "linux")]
    send(&[NotifyState::Ready, NotifyState::Status(status)]);
    #[cfg(not(target_os = "linux"))]
    let _ = status;
}

/// Reports that a reload has begun.
pub(super) fn reloading() {
    #[cfg(target_os = "linux")]
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "cannot read the monotonic clock for systemd"),
    }
}

/// Reports that the server is stopping.
pub(super) fn stopping() {
    #[cfg(target_os = "linux")]
    send(&[
        NotifyState::Stopping,
        NotifyState::Status("waiting for running jobs"),
    ]);
}

/// Tells the watchdog that the server works, as long as its writer thread answers and no vital part has failed. Does not
/// return if there is a watchdog.
pub(super) async fn feed_watchdog(pulse: Pulse) {
    let Some(limit) = watchdog() else { return };
    // Two tries within the limit.
    let mut ticks = tokio::time::interval(limit / 2);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if pulse.answers().await {
            #[cfg(target_os = "linux")]
            send(&[NotifyState::Watchdog]);
        }
    }
}

#[cfg(target_os = "linux")]
fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero())
}

#[cfg(not(target_os = "linux"))]
fn watchdog() -> Option<Duration> {
    None
}

#[cfg(target_os = "linux")]
fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "cannot notify systemd");
    }
}
