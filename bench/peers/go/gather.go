// bench/peers/go/gather.go
// What does a child of a gather() of 10,000 cost, whose value comes back in its place?
// Goroutines which each write their place, and a WaitGroup, on one processor.
//
// Usage: gather [children]

package main

import (
	"runtime"
	"sync"
)

const gatherSize = 10000

func main() {
	runtime.GOMAXPROCS(1)
	gathers := (argument(1, 5000000) + gatherSize - 1) / gatherSize

	before := usageNow()
	for i := 0; i < gathers; i++ {
		values := make([]int, gatherSize)
		var group sync.WaitGroup
		group.Add(gatherSize)
		for child := 0; child < gatherSize; child++ {
			go func(child int) {
				values[child] = child
				group.Done()
			}(child)
		}
		group.Wait()
		if values[gatherSize-1] != gatherSize-1 {
			panic("a value was lost")
		}
	}
	used := usageNow().since(before)

	reportNs("gather", "go", "ns_per_child", used, gathers*gatherSize)
}
