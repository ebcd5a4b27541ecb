// SPDX-License-Identifier: Apache-2.0
#include "probes/net/tls_trust_store.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <vector>

#include "probes/net/tls_library.h"

namespace mtasts {
namespace {

constexpr char kDirectorySeparator = ':';

bool out_of_descriptors(int error) { return error == EMFILE || error == ENFILE; }

/// A store that lacks some roots would call good hosts untrusted: better none at all.
[[noreturn]] void fail_half_way(const std::string& path, int error) {
  throw std::runtime_error("the trust store cannot be read: " + path + ": " + std::strerror(error));
}

bool add_file(X509_STORE* store, const std::string& path) {
  ERR_clear_error();
  const bool added = X509_STORE_load_file_ex(store, path.c_str(), tls_library(), nullptr) == 1;
  const unsigned long first = ERR_peek_error();
  if (!added && ERR_SYSTEM_ERROR(first) && out_of_descriptors(ERR_GET_REASON(first)))
    fail_half_way(path, ERR_GET_REASON(first));
  ERR_clear_error();
  return added;
}

/// Is it a name by which OpenSSL would look a certificate up, "8e1d2a0b.0"? Nothing else in the directory is trusted.
bool is_hash_name(const std::string& name) {
  constexpr std::size_t kHashLength = 8;
  if (name.size() < kHashLength + 2 || name[kHashLength] != '.') return false;
  const auto lower_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return std::all_of(name.begin(), name.begin() + kHashLength, lower_hex) &&
         std::all_of(name.begin() + kHashLength + 1, name.end(), digit);
}

void add_directory(X509_STORE* store, const std::string& path) {
  std::error_code error;
  std::filesystem::directory_iterator entries(path, error);
  if (out_of_descriptors(error.value())) fail_half_way(path, error.value());
  if (error) return;
  for (; entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    if (is_hash_name(entries->path().filename().string())) add_file(store, entries->path().string());
    if (error) return;
  }
}

std::string setting(const char* variable, const char* otherwise) {
  const char* value = std::getenv(variable);
  return value != nullptr ? value : otherwise;
}

/// File and directory often hold the same certificates; the store keeps one of each.
void add_system_certificates(X509_STORE* store) {
  add_file(store, setting(X509_get_default_cert_file_env(), X509_get_default_cert_file()));
  const std::string directories = setting(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
  for (std::size_t start = 0; start <= directories.size();) {
    const std::size_t end = std::min(directories.find(kDirectorySeparator, start), directories.size());
    if (end > start) add_directory(store, directories.substr(start, end - start));
    start = end + 1;
  }
}

bool holds_a_certificate(X509_STORE* store) {
  const STACK_OF(X509_OBJECT)* objects = X509_STORE_get0_objects(store);
  for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i) {
    if (X509_OBJECT_get_type(sk_X509_OBJECT_value(objects, i)) == X509_LU_X509) return true;
  }
  return false;
}

}  // namespace

void load_trust_store(X509_STORE* store, const std::string& ca_file) {
  if (ca_file.empty()) {
    add_system_certificates(store);
    if (holds_a_certificate(store)) return;
    throw std::runtime_error(
        "the system's trust store holds no certificate: install ca-certificates, or set tls.ca_file");
  }
  const bool added = add_file(store, ca_file);
  if (!added || !holds_a_certificate(store)) {
    throw std::runtime_error("tls.ca_file " + ca_file + " holds no certificate that can be read (PEM expected)");
  }
}

}  // namespace mtasts
