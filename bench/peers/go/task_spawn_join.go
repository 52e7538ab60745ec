// bench/peers/go/task_spawn_join.go
// What does starting and joining an empty task cost, in groups of 1000?
// Goroutines and a WaitGroup, on one processor.
//
// Usage: task_spawn_join [tasks]

package main

import (
	"runtime"
	"sync"
)

const groupSize = 1000

func main() {
	runtime.GOMAXPROCS(1)
	groups := (argument(1, 5000000) + groupSize - 1) / groupSize

	before := usageNow()
	for i := 0; i < groups; i++ {
		var group sync.WaitGroup
		group.Add(groupSize)
		for task := 0; task < groupSize; task++ {
			go func() { group.Done() }()
		}
		group.Wait()
	}
	used := usageNow().since(before)

	reportNs("task_spawn_join", "go", "ns_per_task", used, groups*groupSize)
}
