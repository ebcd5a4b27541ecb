// SPDX-License-Identifier: Apache-2.0
#include "exporter/web_config.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <utility>

#include "exporter/config_value.h"
#include "exporter/file_text.h"
#include "probes/core/domain_name.h"

namespace mtasts {
namespace {

constexpr std::size_t kMaxWebConfigBytes = 1024 * 1024;
constexpr std::size_t kMaxRemembered = 128;
constexpr int kSlowCost = 14;  // about a second for each new password
constexpr std::size_t kMostBurst = 1'000'000;

void read_file(PemSource& target, const ConfigValue& value) {
  value.get_path(target.file);
  if (target.file.empty()) return;
  value.reading().named_files.push_back({target.file, value.node().line, value.key(), NamedKind::file});
}

void read_version(TlsVersion& version, const ConfigValue& value) {
  value.get_choice(version, {{"TLS12", TlsVersion::tls1_2}, {"TLS13", TlsVersion::tls1_3}});
}

void read_names(std::vector<std::string>& names, const ConfigValue& value) {
  value.each([&names](const ConfigValue& element) { element.get(names.emplace_back()); });
  if (names.empty()) value.problem("is empty and would let nobody in; name who may come in, or remove the key");
}

void read_cipher_suites(std::vector<std::string>& suites, const ConfigValue& value) {
  value.each([&suites](const ConfigValue& element) {
    std::string name;
    element.get(name);
    if (name.empty() || !is_cipher_suite(name)) {
      return element.problem("'" + name +
                             "' is no cipher suite here, or none that protects; write it as IANA does, for example "
                             "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
    }
    suites.push_back(std::move(name));
  });
}

/// The toolkit has Go's names of curves.
void read_curves(std::vector<std::string>& groups, const ConfigValue& value) {
  value.each([&groups](const ConfigValue& element) {
    std::string group;
    element.get_choice<std::string>(
        group, {{"CurveP256", "P-256"}, {"CurveP384", "P-384"}, {"CurveP521", "P-521"}, {"X25519", "X25519"}});
    if (!group.empty()) groups.push_back(std::move(group));
  });
}

constexpr ConfigField<WebTls> kTlsFields[] = {
    {"cert_file", [](WebTls& to, const ConfigValue& value) { read_file(to.certificate, value); }},
    {"cert", [](WebTls& to, const ConfigValue& value) { value.get(to.certificate.text); }},
    {"key_file", [](WebTls& to, const ConfigValue& value) { read_file(to.key, value); }},
    {"key", [](WebTls& to, const ConfigValue& value) { value.get(to.key.text); }},
    {"client_auth_type",
     [](WebTls& to, const ConfigValue& value) {
       value.get_choice(to.client_auth,
                        {{"NoClientCert", ClientAuth::none},
                         {"RequestClientCert", ClientAuth::request},
                         {"RequireAnyClientCert", ClientAuth::require_any},
                         {"RequireClientCert", ClientAuth::require_any},  // as the toolkit spelt it once
                         {"VerifyClientCertIfGiven", ClientAuth::verify_if_given},
                         {"RequireAndVerifyClientCert", ClientAuth::require_and_verify}});
     }},
    {"client_ca_file", [](WebTls& to, const ConfigValue& value) { read_file(to.client_ca, value); }},
    {"client_ca", [](WebTls& to, const ConfigValue& value) { value.get(to.client_ca.text); }},
    {"client_allowed_sans", [](WebTls& to, const ConfigValue& value) { read_names(to.client_allowed_sans, value); }},
    {"min_version", [](WebTls& to, const ConfigValue& value) { read_version(to.min_version, value); }},
    {"max_version", [](WebTls& to, const ConfigValue& value) { read_version(to.max_version, value); }},
    {"cipher_suites", [](WebTls& to, const ConfigValue& value) { read_cipher_suites(to.cipher_suites, value); }},
    {"prefer_server_cipher_suites",
     [](WebTls& to, const ConfigValue& value) { value.get(to.prefer_server_cipher_suites); }},
    {"curve_preferences", [](WebTls& to, const ConfigValue& value) { read_curves(to.groups, value); }},
};

void require_one(const PemSource& source, const ConfigValue& tls, const std::string& key) {
  if (!source.is_given()) tls.problem("has no " + key + "_file; add it");
  if (!source.file.empty() && !source.text.empty()) tls.problem("has " + key + " and " + key + "_file; remove one");
}

void check_clients(const WebTls& tls, const ConfigValue& value) {
  if (!tls.client_ca.file.empty() && !tls.client_ca.text.empty())
    value.problem("has client_ca and client_ca_file; remove one");
  if (verifies(tls.client_auth) && !tls.client_ca.is_given())
    value.problem("clients are to be verified; add client_ca_file");
  if (!verifies(tls.client_auth) && tls.client_ca.is_given())
    value.problem("client_ca_file has no effect; set client_auth_type to RequireAndVerifyClientCert");
  if (!requires_certificate(tls.client_auth) && !tls.client_allowed_sans.empty()) {
    value.problem(
        "client_allowed_sans would let in who shows no certificate; set client_auth_type to "
        "RequireAndVerifyClientCert");
  }
  if (tls.client_auth == ClientAuth::require_any && !tls.client_allowed_sans.empty())
    value.warning(
        "client_allowed_sans compares names that clients give themselves; RequireAndVerifyClientCert does not");
}

void read_tls(WebConfig& config, const ConfigValue& value) {
  if (value.node().kind == YamlNode::Kind::null) return;
  WebTls& tls = config.tls.emplace();
  const std::size_t before = value.reading().problems.size();
  read_fields(tls, value, kTlsFields);
  if (value.reading().problems.size() > before) return;
  require_one(tls.certificate, value, "cert");
  require_one(tls.key, value, "key");
  check_clients(tls, value);
  if (tls.min_version > tls.max_version) value.problem("min_version is above max_version; change one of them");
}

/// The headers that the toolkit lets an operator set, and what they may say; any text where nothing is listed.
const std::map<std::string, std::vector<std::string>> kHeaders{{"Strict-Transport-Security", {}},
                                                               {"X-Content-Type-Options", {"nosniff"}},
                                                               {"X-Frame-Options", {"deny", "sameorigin"}},
                                                               {"X-XSS-Protection", {}},
                                                               {"Content-Security-Policy", {}}};

void read_header(WebConfig& config, const ConfigValue& headers, const YamlNode& node) {
  const std::string& name = node.key;
  const auto known = kHeaders.find(name);
  if (known == kHeaders.end()) {
    std::vector<std::string> names;
    for (const auto& [header, values] : kHeaders) names.push_back(header);
    note_unknown_key(headers, node, names, {});
    return;
  }
  const ConfigValue value = headers.child(node, name);
  std::string text;
  value.get(text);
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7F; };
  if (std::any_of(text.begin(), text.end(), is_control)) return value.problem("has a control character; remove it");
  if (text.empty()) return;  // unset, as in the toolkit
  const auto& [header, values] = *known;
  if (!values.empty() && std::ranges::find(values, to_lower(text)) == values.end()) {
    const std::string all = values.size() == 1 ? values.front() : values.front() + " or " + values.back();
    return value.problem("'" + text + "' means nothing to a browser; write " + all);
  }
  config.headers[name] = std::move(text);
}

constexpr ConfigField<WebConfig> kHttpFields[] = {
    {"headers",
     [](WebConfig& to, const ConfigValue& value) {
       if (!value.is_map()) return;
       for (const YamlNode& node : value.node().children) read_header(to, value, node);
     }},
    {"http2",
     [](WebConfig&, const ConfigValue& value) {
       bool wanted = false;
       value.get(wanted);
       if (wanted) value.warning("HTTP/2 is not spoken here; HTTP/1.1 serves");
     }},
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_bcrypt_hash(std::string_view text) {
  constexpr std::size_t kLength = 60;
  constexpr std::string_view kAlphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  if (text.size() != kLength || !text.starts_with("$2") || std::string_view("aby").find(text[2]) == text.npos) {
    return false;
  }
  return text[3] == '$' && is_digit(text[4]) && is_digit(text[5]) && text[6] == '$' &&
         text.substr(7).find_first_not_of(kAlphabet) == text.npos;
}

int cost_of(std::string_view hash) { return (hash[4] - '0') * 10 + (hash[5] - '0'); }

void read_user(WebConfig& config, const ConfigValue& value) {
  std::string hash;
  value.get(hash);
  if (!is_bcrypt_hash(hash) || cost_of(hash) < 4 || cost_of(hash) > 31) {
    return value.problem("not a bcrypt hash; make one with 'htpasswd -nBC 10 USER'");
  }
  if (value.node().key.empty() || value.node().key.find(':') != std::string::npos) {
    return value.problem("a user name is not empty and holds no ':'; rename it");
  }
  if (cost_of(hash) > kSlowCost) value.warning("the hash is so costly that logging in takes seconds; use cost 10");
  config.users[value.node().key] = std::move(hash);
}

constexpr ConfigField<RequestRate> kRateFields[] = {
    {"interval",
     [](RequestRate& to, const ConfigValue& value) {
       value.get_duration(to.interval, std::chrono::milliseconds{0}, std::chrono::hours{24});
     }},
    {"burst", [](RequestRate& to, const ConfigValue& value) { value.get_number(to.burst, 1, kMostBurst); }},
};

void read_rate(WebConfig& config, const ConfigValue& value) {
  RequestRate rate;
  const std::size_t before = value.reading().problems.size();
  read_fields(rate, value, kRateFields);
  if (value.reading().problems.size() > before || rate.interval == rate.interval.zero()) return;  // 0: no limit
  if (rate.burst == 0) return value.problem("has no burst, the number of requests at once; add it");
  config.rate = rate;
}

constexpr ConfigField<WebConfig> kFields[] = {
    {"tls_server_config", [](WebConfig& to, const ConfigValue& value) { read_tls(to, value); }},
    {"http_server_config", [](WebConfig& to, const ConfigValue& value) { read_fields(to, value, kHttpFields); }},
    {"rate_limit", [](WebConfig& to, const ConfigValue& value) { read_rate(to, value); }},
    {"basic_auth_users",
     [](WebConfig& to, const ConfigValue& value) {
       if (!value.is_map()) return;
       for (const YamlNode& node : value.node().children) read_user(to, value.child(node, node.key));
     }},
};

WebConfig read_web_config(std::string_view text, ConfigReading& reading) {
  WebConfig config;
  YamlResult yaml = parse_yaml(text);
  note_yaml_problems(yaml, reading);
  const YamlNode root = yaml.root.value_or(YamlNode{});
  if (!yaml.error) read_fields(config, ConfigValue(root, "", reading), kFields, known_web_config_keys());
  return config;
}

/// As the server will: files that are no certificate or key, or belong to others, are found here.
void try_tls(const WebTls& tls, ConfigReading& reading) {
  try {
    make_web_tls_context(tls);
  } catch (const std::exception& error) {
    reading.problems.push_back({reading.file, 0, "tls_server_config", error.what()});
  }
}

/// By what they have to show; that the list of names became another one is the operator's business.
bool lets_more_clients_in(const WebTls& running, const WebTls& next) {
  if (!requires_certificate(running.client_auth)) return false;
  const bool verified_no_more = verifies(running.client_auth) && !verifies(next.client_auth);
  const bool named_no_more = !running.client_allowed_sans.empty() && next.client_allowed_sans.empty();
  return !requires_certificate(next.client_auth) || verified_no_more || named_no_more;
}

WebConfigResult finish(WebConfig config, ConfigReading reading) {
  sort_by_line(reading);
  WebConfigResult result;
  if (reading.problems.empty()) result.config = std::move(config);
  result.problems = std::move(reading.problems);
  result.warnings = std::move(reading.warnings);
  return result;
}

/// RFC 4648 section 4, with its padding. Errors: nullopt.
std::optional<std::string> decode_base64(std::string_view text) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 != 0) return std::nullopt;
  for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
  std::string octets;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const std::size_t digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = (bits << 6 | static_cast<std::uint32_t>(digit)) & 0xFFFF;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    octets += static_cast<char>(bits >> held & 0xFF);
  }
  return octets;
}

/// USER:PASSWORD of an Authorization header. Errors: nullopt for another scheme or a NUL, at which crypt would stop.
std::optional<std::string> credentials_of(std::string_view authorization) {
  constexpr std::string_view kScheme = "basic ";
  constexpr std::size_t kMaxHeader = 4096;
  if (authorization.size() > kMaxHeader || to_lower(authorization.substr(0, kScheme.size())) != kScheme) return {};
  auto credentials = decode_base64(authorization.substr(kScheme.size()));
  if (!credentials || credentials->find(':') == std::string::npos || credentials->find('\0') != std::string::npos) {
    return std::nullopt;
  }
  return credentials;
}

bool password_matches(const std::string& password, const std::string& hash) {
  const auto work = std::make_unique<crypt_data>();  // 32 KiB
  const char* computed = crypt_r(password.c_str(), hash.c_str(), work.get());
  return computed != nullptr && equal_in_constant_time(computed, hash);
}

}  // namespace

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

WebConfigResult parse_web_config(std::string_view text, const std::string& file, const std::string& base_directory) {
  ConfigReading reading{.file = file, .base_directory = base_directory};
  WebConfig config = read_web_config(text, reading);
  return finish(std::move(config), std::move(reading));
}

WebConfigResult load_web_config(const std::string& path) {
  ConfigReading reading{.file = path};
  const FileText read = read_input_text(path, kMaxWebConfigBytes);
  if (!read.fault.empty()) return {.problems = {{path, 0, "", read.fault}}};
  if (read.text.empty()) return {.problems = {{path, 0, "", "is empty; write it again, or '{}' for no protection"}}};
  reading.base_directory = base_directory_of(path);
  WebConfig config = read_web_config(read.text, reading);
  check_named_files(reading);
  if (config.tls && reading.problems.empty()) try_tls(*config.tls, reading);
  return finish(std::move(config), std::move(reading));
}

std::string tls_files_fingerprint(const WebConfig& config) {
  std::vector<std::string> files;
  if (config.tls)
    for (const PemSource* source : {&config.tls->certificate, &config.tls->key, &config.tls->client_ca})
      if (!source->file.empty()) files.push_back(source->file);
  return files_fingerprint(files);
}

std::string protection_lost(const WebConfig& running, const WebConfig& next) {
  constexpr const char* kRemedy = ", and only a restart takes that away";
  if (running.tls && !next.tls) return std::string("there is no tls_server_config any more") + kRemedy;
  if (!running.users.empty() && next.users.empty())
    return std::string("there are no basic_auth_users any more") + kRemedy;
  if (running.tls && lets_more_clients_in(*running.tls, *next.tls))
    return std::string("client_auth_type or client_allowed_sans lets clients in that had to stay outside") + kRemedy;
  return "";
}

std::vector<std::string> known_web_config_keys() {
  std::vector<std::string> keys;
  for (const auto& field : kFields) keys.emplace_back(field.key);
  for (const auto& field : kTlsFields) keys.push_back("tls_server_config." + std::string(field.key));
  for (const auto& field : kHttpFields) keys.push_back("http_server_config." + std::string(field.key));
  for (const auto& field : kRateFields) keys.push_back("rate_limit." + std::string(field.key));
  return keys;
}

BasicAuth::BasicAuth(std::map<std::string, std::string> users) : users_(std::move(users)) {
  if (RAND_bytes(key_.data(), static_cast<int>(key_.size())) != 1) throw std::runtime_error("no random numbers");
  const auto by_cost = [](const auto& a, const auto& b) { return cost_of(a.second) < cost_of(b.second); };
  const auto costliest = std::max_element(users_.begin(), users_.end(), by_cost);
  unknown_user_hash_ = costliest == users_.end() ? "" : costliest->second;
}

bool BasicAuth::admits(std::string_view authorization) {
  const auto credentials = credentials_of(authorization);
  if (!credentials) return false;
  const Digest digest = digest_of(*credentials);
  if (is_remembered(digest)) return true;
  const std::size_t colon = credentials->find(':');
  const auto user = users_.find(credentials->substr(0, colon));
  const bool is_known = user != users_.end();
  const bool matches = password_matches(credentials->substr(colon + 1), is_known ? user->second : unknown_user_hash_);
  if (!is_known || !matches) return false;
  remember(digest);
  return true;
}

bool BasicAuth::remembers(std::string_view authorization) {
  const auto credentials = credentials_of(authorization);
  return credentials && is_remembered(digest_of(*credentials));
}

BasicAuth::Digest BasicAuth::digest_of(std::string_view credentials) const {
  Digest digest{};
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
       reinterpret_cast<const unsigned char*>(credentials.data()), credentials.size(), digest.data(), nullptr);
  return digest;
}

bool BasicAuth::is_remembered(const Digest& digest) {
  const std::lock_guard lock(mutex_);
  return verified_.contains(digest);  // the key is secret: how long the search takes tells nothing of a password
}

void BasicAuth::remember(const Digest& digest) {
  const std::lock_guard lock(mutex_);
  if (verified_.size() >= kMaxRemembered) verified_.clear();
  verified_.insert(digest);
}

}  // namespace mtasts
