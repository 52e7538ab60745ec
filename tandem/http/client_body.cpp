#include <tandem/http/client_body_internal.hpp>

#include <tandem/http/errors.hpp>
#include <tandem/task/sleep.hpp>

#include <algorithm>
#include <cstring>

namespace tandem::inline v1::http {

ClientBody::ClientBody(Start start) : start_(std::move(start)) {}

ClientBody::~ClientBody() {
    if (ended_ || failure_ || !start_.lease) return;
    // What has arrived already costs nothing to skip; if that is all, the connection lives on (H36).
    try {
        while (!message_ended_ && step()) {
        }
    } catch (const std::exception&) {  // the lease cuts it off
    }
}

bool ClientBody::step() {
    const auto input = std::span<const char>(start_.buffer.data() + start_.at, start_.end - start_.at);
    H1Parser& parser = start_.lease->parser;
    const auto step = parser.feed(input);
    start_.at += step.consumed;
    pending_ = step.body;
    switch (step.event) {
        case H1Event::error:
            parser.throw_error();
        case H1Event::need_more:
            return false;
        case H1Event::end:
            finish();
            return true;
        default:
            return true;
    }
}

/// The message is complete: the connection is free before the caller has taken the last decoded bytes.
void ClientBody::finish() {
    message_ended_ = true;
    H1Parser& parser = start_.lease->parser;
    if (start_.at < start_.end) parser.note(Quirk::extra_bytes);
    quirks_ = parser.quirks();
    start_.counts.body = parser.body_bytes();
    start_.counts.received = parser.offset() - start_.offset;
    trailers_ = parser.take_trailers();
    start_.reusable = start_.reusable && parser.keep_alive() && quirks_.empty();
    parser.reset();
    ended_at_ = start_.lease.pool()->loop().time();
    start_.lease.give_back(start_.reusable);
    start_.buffer = ReadBuffer();
}

std::size_t ClientBody::serve(MutableBytes out) {
    if (prefix_at_ < start_.prefix.size()) {
        const auto count = std::min(out.size(), start_.prefix.size() - prefix_at_);
        std::memcpy(out.data(), start_.prefix.data() + prefix_at_, count);
        prefix_at_ += count;
        return count;
    }
    if (start_.decoder) return serve_decoded(out);
    std::size_t total = 0;
    while (total < out.size()) {
        if (!pending_.empty()) {
            const auto count = std::min(out.size() - total, pending_.size());
            std::memcpy(out.data() + total, pending_.data(), count);
            pending_ = pending_.subspan(count);
            total += count;
        } else if (message_ended_ || !step()) {
            break;
        }
    }
    ended_ = message_ended_ && pending_.empty();
    return total;
}

std::size_t ClientBody::serve_decoded(MutableBytes out) {
    for (;;) {
        if (decoded_at_ < decoded_.size()) {
            const auto count = std::min(out.size(), decoded_.size() - decoded_at_);
            std::memcpy(out.data(), decoded_.data() + decoded_at_, count);
            decoded_at_ += count;
            return count;
        }
        decoded_.clear();
        decoded_at_ = 0;
        if (!pending_.empty() || start_.decoder->pending()) {
            constexpr std::size_t portion = 64 * 1024;
            const auto taken = start_.decoder->decode(pending_, decoded_, portion);
            pending_ = pending_.subspan(taken);
        } else if (message_ended_) {
            if (!ended_) start_.decoder->finish();
            ended_ = true;
            decoded_ = std::string();
            return 0;
        } else if (!step()) {
            return 0;
        }
    }
}

bool ClientBody::reads_direct() const noexcept {
    return !start_.decoder && start_.lease->parser.framing() == Framing::length;
}

std::size_t ClientBody::take_input(std::size_t count, MutableBytes direct) {
    H1Parser& parser = start_.lease->parser;
    if (count == 0) {
        const auto step = parser.finish_eof();
        if (step.event == H1Event::error) parser.throw_error();
        if (step.event != H1Event::end)
            throw IncompleteBody(parser.body_bytes(), parser.content_length(), "the connection ended");
        start_.reusable = false;
        finish();
        return 0;
    }
    if (direct.empty()) {
        start_.at = 0;
        start_.end = count;
        return 0;
    }
    const auto step = parser.feed(std::span<const char>(direct.data(), count));
    if (step.event == H1Event::error) parser.throw_error();
    if (parser.body_complete()) {
        start_.at = start_.end = 0;
        while (!message_ended_ && this->step()) {
        }
        ended_ = message_ended_;
    }
    return step.body.size();
}

Task<std::size_t> ClientBody::read_some(MutableBytes out) {
    std::size_t count = 0;
    if (failure_) std::rethrow_exception(failure_);
    if (out.empty() || ended_) co_return count;
    try {
        count = serve(out);
        if (count == 0 && !ended_) {
            EventLoop& loop = start_.lease.pool()->loop();
            CallTimer timer(loop, start_.total_due, start_.total);
            try {
                while (count == 0 && !ended_) {
                    timer.enter(CallTimer::Phase::read_idle, start_.read_idle, loop.time());
                    const bool direct = reads_direct();
                    const auto room = direct ? out.first(static_cast<std::size_t>(std::min<std::uint64_t>(
                                                   out.size(), remaining().value_or(out.size()))))
                                             : MutableBytes(start_.buffer.data(), ReadBuffer::size);
                    const std::size_t read = co_await start_.lease->stream->read_some(room);
                    count = take_input(read, direct ? room : MutableBytes());
                    if (count == 0 && !ended_) count = serve(out);
                }
            } catch (const Cancelled&) {
                if (!timer.absorbs()) throw;
                throw timer.error(progress(), Reached::processed);
            }
        }
    } catch (const Cancelled&) {
        failure_ =
            std::make_exception_ptr(BodyConsumed("a cancelled read has closed the connection of this body"));
        start_.lease.cut();
        throw;
    } catch (const Error&) {
        failure_ = std::current_exception();
    } catch (const std::exception& error) {
        failure_ = explain(error);
    }
    if (failure_) {
        const bool ended_with_its_loop = start_.lease && start_.lease.pool()->ends_with_its_loop();
        start_.lease.cut();
        if (ended_with_its_loop) co_await checkpoint();
        std::rethrow_exception(failure_);
    }
    given_out_ += count;
    co_return count;
}

/// An error of the stream in words of HTTP.
std::exception_ptr ClientBody::explain(const std::exception& error) const {
    if (!start_.lease) return std::current_exception();
    if (start_.lease.pool()->closed())
        return std::make_exception_ptr(
            ClientClosed("the client was closed while a body was being read", Reached::processed));
    return std::make_exception_ptr(IncompleteBody(start_.lease->parser.body_bytes(),
                                                  start_.lease->parser.content_length(), error.what()));
}

std::string ClientBody::progress() const {
    const auto expected = start_.lease->parser.content_length();
    return start_.lease->info->remote + " sent nothing (" +
           std::to_string(start_.lease->parser.body_bytes()) +
           (expected ? " of " + std::to_string(*expected) : std::string()) + " bytes)";
}

std::optional<std::uint64_t> ClientBody::remaining() const {
    if (ended_) return 0;
    if (start_.decoder || !start_.lease) return std::nullopt;
    const H1Parser& parser = start_.lease->parser;
    const auto waiting = pending_.size() + (start_.prefix.size() - prefix_at_);
    if (message_ended_) return waiting;
    if (parser.framing() != Framing::length || !parser.content_length()) return std::nullopt;
    return *parser.content_length() - parser.body_bytes() + waiting;
}

Quirks ClientBody::quirks() const noexcept {
    return message_ended_ || !start_.lease ? quirks_ : start_.lease->parser.quirks();
}

ByteCounts ClientBody::counts() const noexcept {
    auto counts = start_.counts;
    if (!message_ended_ && start_.lease) {
        counts.body = start_.lease->parser.body_bytes();
        counts.received = start_.lease->parser.offset() - start_.offset;
    }
    counts.decoded = given_out_;
    return counts;
}

void ClientBody::add_to(Timings& timings) const noexcept {
    if (!message_ended_) return;
    timings.receive = ended_at_ - start_.head_done;
    timings.total = ended_at_ - start_.called;
}

}  // namespace tandem::inline v1::http
