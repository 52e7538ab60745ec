// bench/peers/go/queue_hop.go
// What does handing an item from one task to another cost? One processor; room for 0, 64 and 1.
// Channels between two goroutines.
//
// Usage: queue_hop [items]

package main

import "runtime"

func measure(figure string, items int, room int) {
	channel := make(chan int, room)
	before := usageNow()
	go func() {
		for i := 0; i < items; i++ {
			channel <- i
		}
		close(channel)
	}()
	sum := 0
	for item := range channel {
		sum += item
	}
	used := usageNow().since(before)
	if sum != items*(items-1)/2 {
		panic("items were lost")
	}
	reportNs("queue_hop", "go", figure, used, items)
}

func main() {
	runtime.GOMAXPROCS(1)
	items := argument(1, 10000000)
	measure("ns_per_item_channel_0", items, 0)
	measure("ns_per_item_queue_64", items, 64)
	measure("ns_per_item_queue_1", items, 1)
}
