// The system's trust store as the environment lays it out: complete, or refused with a word on what to do.
// SPDX-License-Identifier: Apache-2.0
#include "probes/net/tls_trust_store.h"

#include <gmock/gmock.h>
#include <openssl/ssl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>

#include "probes/net/tls_context.h"
#include "tests/lab/certificate_mint.h"

namespace mtasts {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

struct FreeStore {
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
};
using Store = std::unique_ptr<X509_STORE, FreeStore>;

int count(const Store& store) { return sk_X509_OBJECT_num(X509_STORE_get0_objects(store.get())); }

/// A system whose certificates lie where the environment says.
class SystemTrustStore : public testing::Test {
 protected:
  SystemTrustStore() : directory_(std::filesystem::temp_directory_path() / ("trust." + std::to_string(getpid()))) {
    std::filesystem::create_directories(directory_ / "hashed");
    point_to(directory_ / "nothing.pem", directory_ / "nothing");
  }
  ~SystemTrustStore() override {
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");
    std::filesystem::remove_all(directory_);
  }

  static void point_to(const std::string& file, const std::string& directories) {
    setenv("SSL_CERT_FILE", file.c_str(), 1);
    setenv("SSL_CERT_DIR", directories.c_str(), 1);
  }

  std::string put(const std::string& name, const std::string& text) {
    const auto path = directory_ / name;
    std::ofstream(path) << text;
    return path.string();
  }

  std::filesystem::path directory_;
  Store store_{X509_STORE_new()};
};

TEST_F(SystemTrustStore, WithoutACertificateIsRefused) {
  EXPECT_THAT([this] { load_trust_store(store_.get(), ""); },
              ThrowsMessage<std::runtime_error>(HasSubstr("install ca-certificates, or set tls.ca_file")));
  EXPECT_THROW(TlsContext(TlsOptions{}), std::runtime_error);
}

TEST_F(SystemTrustStore, IsReadFromTheFile) {
  point_to(put("bundle.pem", lab::CertificateMint().root_pem() + lab::CertificateMint().root_pem()), "");
  load_trust_store(store_.get(), "");
  EXPECT_EQ(count(store_), 2);
}

TEST_F(SystemTrustStore, IsReadFromEveryHashedFileOfTheDirectories) {
  put("hashed/0a1b2c3d.0", lab::CertificateMint().root_pem());
  put("hashed/0a1b2c3d.1", lab::CertificateMint().root_pem());
  put("hashed/ssl-cert-snakeoil.pem", lab::CertificateMint().root_pem());
  put("hashed/0a1b2c3d.r0", "a revocation list");
  std::filesystem::create_symlink(directory_ / "gone.pem", directory_ / "hashed/ffffffff.0");
  point_to("", "/nonexistent:" + (directory_ / "hashed").string());
  load_trust_store(store_.get(), "");
  EXPECT_EQ(count(store_), 2) << "what OpenSSL would not look up is not trusted";
}

TEST_F(SystemTrustStore, KeepsOneOfWhatFileAndDirectoryBothHold) {
  const std::string root = lab::CertificateMint().root_pem();
  put("hashed/0a1b2c3d.0", root);
  point_to(put("bundle.pem", root), (directory_ / "hashed").string());
  load_trust_store(store_.get(), "");
  EXPECT_EQ(count(store_), 1);
}

/// No descriptor can be opened while it lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit none = before_;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

TEST_F(SystemTrustStore, IsNotReadByHalvesWhenDescriptorsRunOut) {
  put("hashed/0a1b2c3d.0", lab::CertificateMint().root_pem());
  point_to("", (directory_ / "hashed").string());
  const NoDescriptors now;
  EXPECT_THAT([this] { load_trust_store(store_.get(), ""); },
              ThrowsMessage<std::runtime_error>(HasSubstr("Too many open files")));
}

TEST_F(SystemTrustStore, DoesNotAddToAFileThatIsNamed) {
  put("hashed/0a1b2c3d.0", lab::CertificateMint().root_pem());
  point_to("", (directory_ / "hashed").string());
  load_trust_store(store_.get(), put("ours.pem", lab::CertificateMint().root_pem()));
  EXPECT_EQ(count(store_), 1);
  EXPECT_THROW(load_trust_store(store_.get(), put("broken.pem", "nothing")), std::runtime_error);
}

}  // namespace
}  // namespace mtasts
