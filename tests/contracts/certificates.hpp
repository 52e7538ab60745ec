#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include <stdlib.h>

namespace tandem::contracts {

/// A certificate authority of our own and what it signed, made with the openssl program on first use, in a
/// folder that goes with the process.
class Certificates {
public:
    static const Certificates& get() {
        static const Certificates made;
        return made;
    }

    std::string ca() const { return file("ca.pem"); }
    std::string ca_path() const { return file("hashed"); }
    /// "good" (localhost, example.test, 127.0.0.1, ::1), "other" (other.test), "expired", "self_signed",
    /// "wildcard" (*.wild.test), "partial" (f*.part.test), "only_cn" (example.test as common name alone),
    /// "client".
    std::string certificate(const std::string& name) const { return file(name + ".pem"); }
    std::string key() const { return file("key.pem"); }
    std::string file(const std::string& name) const { return folder_ + "/" + name; }

private:
    Certificates() {
        char name[] = "/tmp/tandem-certificates-XXXXXX";
        if (::mkdtemp(name) == nullptr) throw std::runtime_error("cannot make a folder for certificates");
        folder_ = name;
        run("openssl ecparam -name prime256v1 -genkey -noout -out key.pem");
        run("openssl ecparam -name prime256v1 -genkey -noout -out ca_key.pem");
        run("openssl req -new -x509 -key ca_key.pem -subj '/CN=tandem test CA' -days 30 -out ca.pem");
        run("mkdir hashed && cp ca.pem hashed/ && openssl rehash hashed");
        sign("good", "DNS:localhost,DNS:example.test,IP:127.0.0.1,IP:::1", 30);
        sign("other", "DNS:other.test", 30);
        sign("expired", "DNS:localhost,DNS:example.test,IP:127.0.0.1", -1);
        sign("wildcard", "DNS:*.wild.test", 30);
        sign("partial", "DNS:f*.part.test", 30);
        sign("only_cn", "", 30);
        sign("client", "DNS:client.test", 30);
        run("openssl req -new -x509 -key key.pem -subj /CN=example.test -addext "
            "'subjectAltName=DNS:localhost,DNS:example.test,IP:127.0.0.1' -days 30 -out self_signed.pem");
    }
    ~Certificates() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    void sign(const std::string& name, const std::string& names, int days) {
        std::ofstream extensions(file(name + ".ext"));
        extensions << "basicConstraints=CA:FALSE\n";
        if (!names.empty()) extensions << "subjectAltName=" << names << "\n";
        extensions.close();
        run("openssl req -new -key key.pem -subj /CN=example.test -out " + name + ".csr");
        run("openssl x509 -req -in " + name + ".csr -CA ca.pem -CAkey ca_key.pem -set_serial " +
            std::to_string(++serial_) + " -days " + std::to_string(days) + " -extfile " + name +
            ".ext -out " + name + ".pem");
    }
    void run(const std::string& command) const {
        const auto whole = "cd " + folder_ + " && (" + command + ") >/dev/null 2>&1";
        if (std::system(whole.c_str()) != 0) throw std::runtime_error("this failed: " + command);
    }

    std::string folder_;
    int serial_ = 0;
};

}  // namespace tandem::contracts
