// bench/peers/tokio/queue_hop.rs
// What does handing an item from one task to another cost? One thread; room for 64 and for 1.
// tokio::sync::mpsc, which has no channel without room.
//
// Usage: queue_hop [items]

mod report;

fn measure(figure: &str, items: usize, room: usize) {
    let before = report::cpu_s();
    report::run(async {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(room);
        let sending = tokio::spawn(async move {
            for i in 0..items {
                sender.send(i).await.unwrap();
            }
        });
        let receiving = tokio::spawn(async move {
            let mut sum = 0;
            while let Some(item) = receiver.recv().await {
                sum += item;
            }
            sum
        });
        sending.await.unwrap();
        assert_eq!(receiving.await.unwrap(), items * (items - 1) / 2);
    });
    report::report_ns("queue_hop", figure, report::cpu_s() - before, items);
}

fn main() {
    let items = report::argument(1, 10_000_000);
    measure("ns_per_item_queue_64", items, 64);
    measure("ns_per_item_queue_1", items, 1);
}
