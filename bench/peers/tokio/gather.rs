// bench/peers/tokio/gather.rs
// What does a child of a gather() of 10,000 cost, whose value comes back in its place?
// tokio::spawn, joined in order, on a runtime of one thread.
//
// Usage: gather [children]

mod report;

const GATHER_SIZE: usize = 10_000;

fn main() {
    let gathers = (report::argument(1, 5_000_000) + GATHER_SIZE - 1) / GATHER_SIZE;
    let before = report::cpu_s();
    report::run(async {
        for _ in 0..gathers {
            let children: Vec<_> = (0..GATHER_SIZE).map(|i| tokio::spawn(async move { i })).collect();
            let mut values = Vec::with_capacity(GATHER_SIZE);
            for child in children {
                values.push(child.await.unwrap());
            }
            assert_eq!(values.last(), Some(&(GATHER_SIZE - 1)));
        }
    });
    report::report_ns("gather", "ns_per_child", report::cpu_s() - before, gathers * GATHER_SIZE);
}
