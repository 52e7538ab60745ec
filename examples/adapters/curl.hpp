// libcurl's multi interface on tandem: it names the sockets and the time it waits for, the loop calls it
// back.
#pragma once

#include <curl/curl.h>
#include <tandem/tandem.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace adapters {

struct CurlError : std::runtime_error {
    CurlError(CURLcode c, const std::string& text) : std::runtime_error(text), code(c) {}
    CURLcode code;
};

struct CurlReply {
    long status = 0;
    std::string body;
};

/// Transfers of libcurl, any number at a time, on the loop where it was made.
///
/// Errors      `CurlError`.
/// Cancelling  takes the transfer out at once.
/// Threads     its loop's.
/// Lifetime    ends after its transfers and before its loop.
class Curl {
public:
    explicit Curl(tandem::EventLoop& loop = tandem::this_loop()) : loop_(loop), multi_(curl_multi_init()) {
        if (!multi_) throw std::bad_alloc();
        curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, socket_changed);
        curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
        curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, timer_changed);
        curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    }
    Curl(const Curl&) = delete;
    Curl& operator=(const Curl&) = delete;
    ~Curl() {
        curl_multi_cleanup(multi_);  // calls back to have its sockets forgotten
        timer_.cancel();
    }

    tandem::Task<CurlReply> get(std::string url) {
        const Easy easy(curl_easy_init());
        CurlReply reply;
        curl_easy_setopt(easy.handle, CURLOPT_URL, url.c_str());
        curl_easy_setopt(easy.handle, CURLOPT_WRITEFUNCTION, append);
        curl_easy_setopt(easy.handle, CURLOPT_WRITEDATA, &reply.body);
        co_await perform(easy.handle);
        curl_easy_getinfo(easy.handle, CURLINFO_RESPONSE_CODE, &reply.status);
        co_return reply;
    }

    /// Runs a transfer that the caller has set up, and who keeps `easy` until it has ended.
    tandem::Task<void> perform(CURL* easy) {
        auto [end, complete] = tandem::make_completion<CURLcode>();
        Transfer transfer(std::move(complete));
        curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.error);
        end.on_cancel([this, easy, &transfer] {
            curl_multi_remove_handle(multi_, easy);
            transfer.complete.reset();
        });
        if (const CURLMcode code = curl_multi_add_handle(multi_, easy))
            throw std::runtime_error(curl_multi_strerror(code));
        const CURLcode code = co_await end;
        if (code != CURLE_OK)
            throw CurlError(code, transfer.error[0] ? transfer.error : curl_easy_strerror(code));
    }

private:
    struct Easy {
        explicit Easy(CURL* h) : handle(h) {
            if (!h) throw std::bad_alloc();
        }
        Easy(const Easy&) = delete;
        Easy& operator=(const Easy&) = delete;
        ~Easy() { curl_easy_cleanup(handle); }
        CURL* handle;
    };
    struct Transfer {
        explicit Transfer(tandem::Completer<CURLcode> c) : complete(std::move(c)) {}
        std::optional<tandem::Completer<CURLcode>> complete;
        char error[CURL_ERROR_SIZE] = {};
    };

    static std::size_t append(char* bytes, std::size_t, std::size_t count, void* body) {
        static_cast<std::string*>(body)->append(bytes, count);
        return count;
    }
    static int socket_changed(CURL*, curl_socket_t fd, int wanted, void* data, void*) {
        auto& self = *static_cast<Curl*>(data);
        const bool removed = wanted == CURL_POLL_REMOVE;
        if (!removed && (wanted & CURL_POLL_IN) != 0)
            self.loop_.add_reader(fd, [&self, fd] { self.act(fd, CURL_CSELECT_IN); });
        else
            self.loop_.remove_reader(fd);
        if (!removed && (wanted & CURL_POLL_OUT) != 0)
            self.loop_.add_writer(fd, [&self, fd] { self.act(fd, CURL_CSELECT_OUT); });
        else
            self.loop_.remove_writer(fd);
        return 0;
    }
    static int timer_changed(CURLM*, long milliseconds, void* data) {
        auto& self = *static_cast<Curl*>(data);
        self.timer_.cancel();
        if (milliseconds >= 0)  // not at once, even for 0: libcurl must not be called from its own callback
            self.timer_ = self.loop_.call_later(std::chrono::milliseconds(milliseconds),
                                                [&self] { self.act(CURL_SOCKET_TIMEOUT, 0); });
        return 0;
    }
    void act(curl_socket_t fd, int events) {
        int running = 0;
        curl_multi_socket_action(multi_, fd, events, &running);
        int left = 0;
        while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
            if (message->msg != CURLMSG_DONE) continue;
            CURL* const easy = message->easy_handle;
            const CURLcode code = message->data.result;
            Transfer* transfer = nullptr;
            curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
            curl_multi_remove_handle(multi_, easy);  // invalidates the message
            (*transfer->complete)(code);
        }
    }

    tandem::EventLoop& loop_;
    CURLM* multi_;
    tandem::TimerHandle timer_;
};

}  // namespace adapters
