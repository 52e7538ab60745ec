#include <cli/transfer.hpp>

#include <cli/text.hpp>

#include <tandem/http/dates.hpp>
#include <tandem/loop/event_loop.hpp>

#include <fmt/format.h>

#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <utility>

namespace tandem::cli {
namespace {

constexpr std::size_t buffer_bytes = 64 * 1024;
constexpr std::uint64_t most_discarded_bytes = 64 * 1024;  // more costs more than a new connection

}  // namespace

/// Room for a body on its way; given back for the next one.
class Transfers::Buffer {
public:
    explicit Buffer(Transfers& owner) : owner_(owner) {
        if (owner.buffers_.empty()) {
            bytes_ = std::make_unique_for_overwrite<char[]>(buffer_bytes);
        } else {
            bytes_ = std::move(owner.buffers_.back());
            owner.buffers_.pop_back();
        }
    }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer() { owner_.buffers_.push_back(std::move(bytes_)); }

    [[nodiscard]] MutableBytes all() const { return MutableBytes(bytes_.get(), buffer_bytes); }
    [[nodiscard]] std::string_view first(std::size_t count) const { return {bytes_.get(), count}; }

private:
    Transfers& owner_;
    std::unique_ptr<char[]> bytes_;
};

/// The client's limits, unless the entry has its own: what `--max-time` leaves of all its tries.
const http::Timeouts* Transfers::limits_for(const http::Client& client, const Job& job, http::Timeouts& own,
                                            TimePoint now) const {
    if (!options_.max_time) return nullptr;
    const auto left = saturating_add(job.first_start.value_or(now), to_duration(*options_.max_time)) - now;
    if (left <= Duration::zero())
        throw FetchError(ErrorCode::timeout_total,
                         fmt::format("no answer within {} (--max-time)", human_duration(*options_.max_time)));
    own = client.settings().timeouts();
    own.total = left;
    return &own;
}

std::string Transfers::head_text(const http::Response& response) {
    auto text = fmt::format("{} {}{}{}\r\n", http::to_string(response.version()), response.status(),
                            response.reason().empty() ? "" : " ", response.reason());
    for (const auto& [name, value] : response.headers()) text += fmt::format("{}: {}\r\n", name, value);
    return text + "\r\n";
}

void Transfers::choose_destination(Job& job, Try& attempt) {
    const int status = attempt.response->status();
    const bool accepted = options_.ok_status.contains(status);
    if (!accepted && !options_.fail_with_body) return;

    const bool names_file = job.entry.output || options_.output_directory || options_.flat ||
                            (options_.output && *options_.output != "-");
    if (options_.head && !names_file) {
        attempt.destination = Try::Destination::stdout_whole;
        attempt.held = std::make_unique<HeldBody>();
        return;
    }
    if (!job.entry.output && body_goes_to_stdout(options_)) {
        const bool alone = options_.inputs.size() == 1 && options_.inputs[0].kind == InputSource::Kind::url &&
                           job.entry.captures.empty();
        attempt.destination = alone ? Try::Destination::stdout_at_once : Try::Destination::stdout_whole;
        if (!alone) attempt.held = std::make_unique<HeldBody>();
        return;
    }
    attempt.destination = Try::Destination::file;
    if (!accepted) attempt.suffix = fmt::format(".status-{}", status);
    open_file(job, attempt);
}

void Transfers::open_file(Job& job, Try& attempt) {
    const auto& response = *attempt.response;
    attempt.name_facts.status = response.status();
    attempt.name_facts.content_type = std::string(response.headers().get("Content-Type").value_or(""));
    if (!attempt.suffix.empty()) job.name.reset();  // a name of its own
    if (!job.name && saving_.needs_digest(job)) {
        auto name = FileName();
        name.path = job.name_id.text();
        attempt.part.emplace(saving_.open_part(job, name));
        return;
    }
    if (!job.name) job.name = saving_.name_from(job, attempt.name_facts, attempt.suffix);
    if (job.name->kind == NameChoice::Kind::skip) {
        attempt.exists = true;
        return;
    }
    if (job.name->kind == NameChoice::Kind::refuse)
        throw FetchError(ErrorCode::file_exists,
                         fmt::format("save to {}: it is there already (--existing error)",
                                     escaped_for_terminal(saving_.path_of(job.name->name))));
    attempt.part.emplace(saving_.open_part(job, job.name->name));
}

void Transfers::take_bytes(Job& job, Try& attempt, std::string_view bytes) {
    job.done_bytes += bytes.size();
    received_(bytes.size());
    switch (attempt.destination) {
        case Try::Destination::nowhere:
            return;
        case Try::Destination::file:
            attempt.part->write(bytes);
            break;
        case Try::Destination::stdout_at_once:
            // F7.9: -o - insists.
            if (!attempt.printed && !options_.output && ::isatty(STDOUT_FILENO) == 1 && looks_binary(bytes))
                throw FetchError(
                    ErrorCode::file_write,
                    "the body looks binary, which would upset this terminal; save it with -o FILE, "
                    "or insist with -o -");
            attempt.printed = attempt.printed || !bytes.empty();
            attempt.hash.add(bytes);
            break;
        case Try::Destination::stdout_whole:
            attempt.held->add(bytes);
            attempt.hash.add(bytes);
            break;
    }
    attempt.saved_bytes += bytes.size();
}

/// Reads a short body that nobody wants, so that its connection can serve again.
Task<void> Transfers::discard(Try& attempt) {
    http::Body& body = attempt.response->body();
    if (body.is_in_memory()) co_return;
    const auto size = attempt.response->content_length();
    if (!size || *size > most_discarded_bytes) co_return;
    Buffer buffer(*this);
    try {
        std::uint64_t total = 0;
        for (;;) {
            const std::size_t count = co_await attempt.response->read_some(buffer.all());
            total += count;
            if (count == 0 || total > most_discarded_bytes) break;
        }
    } catch (const std::exception&) {
        // The status is what counts.
    }
}

void Transfers::complete(Job& job, Try& attempt) {
    if (attempt.destination == Try::Destination::nowhere) return;
    if (attempt.destination != Try::Destination::file) {
        attempt.sha256 = hex(attempt.hash.finish());
        return;
    }
    attempt.stage = Stage::save;
    attempt.sha256 = hex(attempt.part->finish_digest());
    attempt.name_facts.sha256 = attempt.sha256;
    if (!job.name) {
        job.name = saving_.name_from(job, attempt.name_facts, attempt.suffix);
        if (job.name->kind == NameChoice::Kind::skip) {
            attempt.exists = true;
            attempt.part.reset();
            return;
        }
        if (job.name->kind == NameChoice::Kind::refuse || job.name->name.path.find('/') != std::string::npos)
            throw FetchError(ErrorCode::name_invalid,
                             fmt::format("save to {}: {{sha256}} must name a new file, and no directory",
                                         escaped_for_terminal(saving_.path_of(job.name->name))));
    }
    if (options_.remote_time) {
        const auto modified = attempt.response->headers().get("Last-Modified");
        const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
        const auto time = modified ? http::parse_http_date(*modified, now) : std::nullopt;
        if (time) attempt.part->set_time(*time);
    }
    saving_.commit(job, *attempt.part, *job.name, attempt.name_facts, attempt.suffix);
    attempt.part.reset();
}

Task<void> Transfers::run(http::Client& client, Job& job, Try& attempt) {
    http::Timeouts own_limits;
    const http::Timeouts* limits = limits_for(client, job, own_limits, this_loop().time());
    http::Options how = requests_.options_for(job.entry, job.url, limits);
    http::Response response = co_await client.request(job.method, job.url, std::move(how));
    attempt.response.emplace(std::move(response));
    attempt.stage = Stage::body;
    job.size_bytes = attempt.response->content_length();

    choose_destination(job, attempt);
    if (attempt.exists) co_return;
    if (attempt.destination == Try::Destination::nowhere) {
        co_await discard(attempt);
        co_return;
    }
    const bool at_once = attempt.destination == Try::Destination::stdout_at_once;
    if (options_.head && attempt.held) {
        take_bytes(job, attempt, head_text(*attempt.response));
    } else if (attempt.response->body().is_in_memory()) {
        const std::string_view bytes = attempt.response->body().in_memory();
        take_bytes(job, attempt, bytes);
        if (at_once) co_await stdout_.write(bytes);
    } else {
        Buffer buffer(*this);
        for (;;) {
            const std::size_t count = co_await attempt.response->read_some(buffer.all());
            if (count == 0) break;
            take_bytes(job, attempt, buffer.first(count));
            if (at_once) co_await stdout_.write(buffer.first(count));
        }
    }
    if (attempt.held) co_await stdout_.write_whole(*attempt.held);
    complete(job, attempt);
}

}  // namespace tandem::cli
