// A runtime on a thread of its own, which others hand work to. For the questions about the bridge.
#![allow(dead_code)]

use std::future::Future;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Instant;

use crate::report;

pub struct Loop {
    pub handle: tokio::runtime::Handle,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Loop {
    pub fn start() -> Self {
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            tell.send(runtime.handle().clone()).unwrap();
            let _ = runtime.block_on(stopped);
        });
        Loop { handle: told.recv().unwrap(), stop: Some(stop), thread: Some(thread) }
    }

    /// Runs `work` there and waits for its result here.
    pub fn call<F>(&self, work: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (tell, told) = tokio::sync::oneshot::channel();
        self.handle.spawn(async move {
            let _ = tell.send(work.await);
        });
        told.blocking_recv().unwrap()
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.thread.take().unwrap().join().unwrap();
    }
}

#[inline(never)]
pub async fn next(value: u64) -> u64 {
    value + 1
}

fn cpus() -> libc::cpu_set_t {
    let mut all: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    unsafe { libc::sched_getaffinity(0, std::mem::size_of_val(&all), &mut all) };
    all
}

/// `measure("one_core")` with one CPU for this thread and all it starts, then `measure("two_cores")`.
pub fn on_one_and_two_cores(measure: impl Fn(&str)) {
    let all = cpus();
    let first = (0..libc::CPU_SETSIZE as usize).find(|cpu| unsafe { libc::CPU_ISSET(*cpu, &all) }).unwrap();
    let mut one: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    unsafe { libc::CPU_SET(first, &mut one) };
    let size = std::mem::size_of_val(&all);
    unsafe { libc::sched_setaffinity(0, size, &one) };
    measure("one_core");
    unsafe { libc::sched_setaffinity(0, size, &all) };
    measure("two_cores");
}

/// p50, p99 and the CPU time of one call.
pub fn report_latency(bench: &str, cores: &str, calls: usize, mut call: impl FnMut()) {
    for _ in 0..calls / 10 {
        call();
    }
    let mut took = Vec::with_capacity(calls);
    let before = report::cpu_s();
    for _ in 0..calls {
        let start = Instant::now();
        call();
        took.push(start.elapsed().as_nanos() as f64);
    }
    let used = report::cpu_s() - before;
    took.sort_by(|a, b| a.partial_cmp(b).unwrap());
    let at = |share: f64| took[(share * (calls - 1) as f64) as usize];
    report::report(bench, &format!("p50_{cores}"), at(0.5), "ns");
    report::report(bench, &format!("p99_{cores}"), at(0.99), "ns");
    report::report_ns(bench, &format!("cpu_{cores}"), used, calls);
}
