// bench/peers/go/http_fanout.go
// What does fetching 1 KiB over many keep-alive connections cost with Go's net/http?
// One goroutine per connection, one Transport that keeps them all.
//
// Usage: http_fanout URL [requests] [connections]

package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: http_fanout URL [requests] [connections]")
		os.Exit(2)
	}
	url := os.Args[1]
	requests := argument(2, 200000)
	connections := argument(3, 64)
	client := &http.Client{Transport: &http.Transport{
		MaxIdleConns:        connections,
		MaxIdleConnsPerHost: connections,
		MaxConnsPerHost:     connections,
		DisableCompression:  true,
	}}

	var unsent, failed, bodyBytes int64 = int64(requests), 0, 0
	var workers sync.WaitGroup
	before := usageNow()
	for i := 0; i < connections; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for atomic.AddInt64(&unsent, -1) >= 0 {
				response, err := client.Get(url)
				if err != nil {
					atomic.AddInt64(&failed, 1)
					continue
				}
				count, err := io.Copy(io.Discard, response.Body)
				response.Body.Close()
				atomic.AddInt64(&bodyBytes, count)
				if err != nil || response.StatusCode != 200 {
					atomic.AddInt64(&failed, 1)
				}
			}
		}()
	}
	workers.Wait()
	used := usageNow().since(before)

	put := func(figure string, value float64, unit string) {
		report("http_fanout", "go", fmt.Sprintf("%s_%d", figure, connections), value, unit)
	}
	put("cpu_s_per_100k", (used.user+used.system)*1e5/float64(requests), "s")
	put("user_us_per_request", used.user*1e6/float64(requests), "us")
	put("wall_s_per_100k", used.wall*1e5/float64(requests), "s")
	put("peak_rss_mib", memoryBytes("VmHWM:")/(1024*1024), "MiB")
	put("errors", float64(failed), "requests")
	put("body_bytes_per_request", float64(bodyBytes)/float64(requests), "B")
}
