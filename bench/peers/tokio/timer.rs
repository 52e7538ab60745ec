// bench/peers/tokio/timer.rs
// What does it cost, with a million timers waiting, to cancel the oldest and to start a new one?
// Deadlines are random, between one and two hours from now; nothing expires.
// A Sleep dropped and another polled once, or it would not be registered; Sleep::reset would only note a later
// deadline, and do nothing.
//
// Usage: timer [waiting] [pairs]

mod report;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{sleep_until, Instant, Sleep};

fn main() {
    let waiting = report::argument(1, 1_000_000);
    let pairs = report::argument(2, 5_000_000);
    let mut state: u64 = 1;
    report::run(async move {
        let start = Instant::now();
        let mut an_hour_or_two = || {
            state = state * 48_271 % 2_147_483_647;
            start + Duration::from_secs(3600) + Duration::from_nanos(state * 1_676)
        };
        let mut timers: Vec<Pin<Box<Sleep>>> = Vec::with_capacity(waiting);
        for _ in 0..waiting {
            timers.push(Box::pin(sleep_until(an_hour_or_two())));
        }
        register(&mut timers).await;

        let before = report::cpu_s();
        for i in 0..pairs {
            let oldest = &mut timers[i % waiting..][..1];
            oldest[0].set(sleep_until(an_hour_or_two()));
            register(oldest).await;
        }
        report::report_ns("timer", "ns_per_timer", report::cpu_s() - before, pairs);
    });
}

async fn register(timers: &mut [Pin<Box<Sleep>>]) {
    // Not within tokio's budget for one poll, past which every timer only says "not yet".
    tokio::task::unconstrained(PollAll(timers)).await;
}

struct PollAll<'a>(&'a mut [Pin<Box<Sleep>>]);

impl Future for PollAll<'_> {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        for timer in self.0.iter_mut() {
            assert!(timer.as_mut().poll(context).is_pending());
        }
        Poll::Ready(())
    }
}
