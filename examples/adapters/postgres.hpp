// libpq on tandem: it says for what its socket waits, a coroutine waits for that.
#pragma once

#include <libpq-fe.h>
#include <tandem/io/readiness.hpp>
#include <tandem/tandem.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace adapters {

struct PostgresError : std::runtime_error {
    PostgresError(const char* text, const char* sqlstate)
        : std::runtime_error(text), state(sqlstate ? sqlstate : "") {}
    std::string state;  // "42P01": undefined table
};

/// What a query gave.
class PostgresRows {
public:
    explicit PostgresRows(PGresult* result) : result_(result, PQclear) {}
    int size() const { return PQntuples(result_.get()); }
    /// Nothing for NULL.
    std::optional<std::string> at(int row, int column = 0) const {
        if (PQgetisnull(result_.get(), row, column)) return std::nullopt;
        return PQgetvalue(result_.get(), row, column);
    }
    PGresult* get() const { return result_.get(); }

private:
    std::unique_ptr<PGresult, void (*)(PGresult*)> result_;
};

/// A connection to a PostgreSQL server. One query at a time; others wait in line.
///
/// Errors      `PostgresError`.
/// Cancelling  asks the server to stop the query and waits until it has; the connection stays usable.
/// Threads     one loop's; `postgres.query(...).get()` from plain code.
/// Lifetime    its copies are one connection.
class Postgres {
public:
    static tandem::Task<Postgres> connect(std::string parameters) {
        Postgres postgres(PQconnectStart(parameters.c_str()));
        PGconn* const pg = postgres.connection_->pg;
        PostgresPollingStatusType wanted =
            PQstatus(pg) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
        while (wanted != PGRES_POLLING_OK) {
            if (wanted == PGRES_POLLING_FAILED) throw PostgresError(PQerrorMessage(pg), nullptr);
            if (wanted == PGRES_POLLING_READING)
                co_await tandem::io::readable(PQsocket(pg));
            else
                co_await tandem::io::writable(PQsocket(pg));
            wanted = PQconnectPoll(pg);
        }
        PQsetnonblocking(pg, 1);
        co_return postgres;
    }

    /// `$1`, `$2` ... in `sql` are the values: texts, or nothing for NULL.
    template <class... Values>
    tandem::Task<PostgresRows> query(std::string sql, Values... values) {
        std::vector<std::optional<std::string>> all;
        (all.emplace_back(std::move(values)), ...);
        return run(connection_, std::move(sql), std::move(all));
    }

private:
    struct Connection {
        explicit Connection(PGconn* p) : pg(p) {}
        Connection(const Connection&) = delete;
        Connection& operator=(const Connection&) = delete;
        ~Connection() { PQfinish(pg); }
        PostgresError error() const { return PostgresError(PQerrorMessage(pg), nullptr); }
        PGconn* pg;
        tandem::Mutex turn;
    };

    explicit Postgres(PGconn* pg) : connection_(std::make_shared<Connection>(pg)) {}

    static tandem::Task<PostgresRows> run(std::shared_ptr<Connection> connection, std::string sql,
                                          std::vector<std::optional<std::string>> values) {
        const auto turn = co_await connection->turn.lock();
        std::vector<const char*> texts;
        for (const auto& value : values) texts.push_back(value ? value->c_str() : nullptr);
        if (!PQsendQueryParams(connection->pg, sql.c_str(), static_cast<int>(texts.size()), nullptr,
                               texts.data(), nullptr, nullptr, 0))
            throw connection->error();
        PostgresRows rows(nullptr);
        std::exception_ptr cancelled;
        try {
            co_await receive(*connection, rows);
        } catch (const tandem::Cancelled&) {
            cancelled = std::current_exception();
        }
        if (cancelled) {
            co_await tandem::shield(stop(*connection));
            std::rethrow_exception(cancelled);
        }
        const auto status = PQresultStatus(rows.get());
        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
            throw PostgresError(PQresultErrorMessage(rows.get()),
                                PQresultErrorField(rows.get(), PG_DIAG_SQLSTATE));
        co_return rows;
    }
    /// All that comes of a query; keeps the last result.
    static tandem::Task<void> receive(Connection& connection, PostgresRows& rows) {
        while (PQflush(connection.pg) > 0) co_await tandem::io::writable(PQsocket(connection.pg));
        for (;;) {
            while (PQisBusy(connection.pg)) {
                co_await tandem::io::readable(PQsocket(connection.pg));
                if (!PQconsumeInput(connection.pg)) throw connection.error();
            }
            PGresult* const result = PQgetResult(connection.pg);
            if (!result) co_return;
            rows = PostgresRows(result);
        }
    }
    /// libpq asks for the end of a query on a connection of its own, and blocks meanwhile: in a worker
    /// thread.
    static tandem::Task<void> stop(Connection& connection) {
        const std::unique_ptr<PGcancel, void (*)(PGcancel*)> request(PQgetCancel(connection.pg),
                                                                     PQfreeCancel);
        const auto ask = [asked = request.get()] {
            char text[256];
            PQcancel(asked, text, sizeof text);
        };
        co_await tandem::to_thread(ask);
        PostgresRows rest(nullptr);
        co_await receive(connection, rest);
    }

    std::shared_ptr<Connection> connection_;
};

}  // namespace adapters
