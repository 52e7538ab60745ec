// bench/peers/libcurl/http_fanout.cpp
// What does fetching 1 KiB over many keep-alive connections cost with libcurl?
// The multi interface with curl_multi_poll; one easy handle per connection, used again and again.
// curl_multi_socket_action over epoll took more CPU in each of three alternating runs, at 64 and at 256
// connections (libcurl 7.88), so the cheaper of the two stands here.
//
// Usage: http_fanout URL [requests] [connections]

#include <curl/curl.h>

#include <bench/support/report.hpp>
#include <cstdio>
#include <vector>

namespace {

struct Transfer {
    CURL* easy = nullptr;
    std::size_t body_bytes = 0;
};

std::size_t count_body(char*, std::size_t, std::size_t length, void* transfer) {
    static_cast<Transfer*>(transfer)->body_bytes += length;
    return length;
}

class Client {
public:
    Client(const char* url, bench::Fanout& run)
        : run_(run),
          multi_(curl_multi_init()),
          transfers_(static_cast<std::size_t>(run.connections)),
          unstarted_(run.requests),
          unanswered_(run.requests) {
        curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, run.connections);
        for (auto& transfer : transfers_) {
            transfer.easy = curl_easy_init();
            curl_easy_setopt(transfer.easy, CURLOPT_URL, url);
            curl_easy_setopt(transfer.easy, CURLOPT_NOSIGNAL, 1L);
            curl_easy_setopt(transfer.easy, CURLOPT_WRITEFUNCTION, &count_body);
            curl_easy_setopt(transfer.easy, CURLOPT_WRITEDATA, &transfer);
            curl_easy_setopt(transfer.easy, CURLOPT_PRIVATE, &transfer);
        }
    }

    void run() {
        for (auto& transfer : transfers_) start_next(transfer);
        while (unanswered_ > 0) {
            int running = 0;
            curl_multi_perform(multi_, &running);
            take_finished();
            if (unanswered_ > 0) curl_multi_poll(multi_, nullptr, 0, 1000, nullptr);
        }
        for (auto& transfer : transfers_) {
            curl_multi_remove_handle(multi_, transfer.easy);
            curl_easy_cleanup(transfer.easy);
        }
        curl_multi_cleanup(multi_);
    }

private:
    void start_next(Transfer& transfer) {
        if (unstarted_ == 0) return;
        --unstarted_;
        transfer.body_bytes = 0;
        curl_multi_add_handle(multi_, transfer.easy);
    }

    void take_finished() {
        int left = 0;
        while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
            CURL* easy = message->easy_handle;
            const bool whole = message->data.result == CURLE_OK;
            Transfer* transfer = nullptr;
            long status = 0;
            curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
            curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
            run_.errors += whole && status == 200 ? 0 : 1;
            run_.body_bytes += transfer->body_bytes;
            --unanswered_;
            curl_multi_remove_handle(multi_, easy);
            start_next(*transfer);
        }
    }

    bench::Fanout& run_;
    CURLM* multi_;
    std::vector<Transfer> transfers_;
    long unstarted_;
    long unanswered_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return std::fprintf(stderr, "usage: http_fanout URL [requests] [connections]\n"), 2;
    bench::Fanout run;
    run.requests = bench::argument(argc, argv, 2, 200'000);
    run.connections = bench::argument(argc, argv, 3, 64);
    curl_global_init(CURL_GLOBAL_DEFAULT);

    const auto before = bench::usage_now();
    Client(argv[1], run).run();
    run.used = bench::usage_now() - before;

    bench::report_fanout("libcurl_multi", run);
}
