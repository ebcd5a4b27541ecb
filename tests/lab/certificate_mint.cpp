// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/certificate_mint.h"

#include <openssl/bio.h>
#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>
#include <utility>

namespace mtasts::lab {
namespace {

constexpr long kSecondsPerDay = 86400;

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeConf {
  void operator()(CONF* conf) const { NCONF_free(conf); }
};
using ConfPtr = std::unique_ptr<CONF, FreeConf>;
using BioPtr = std::unique_ptr<BIO, FreeBio>;

[[noreturn]] void fail(const std::string& what) {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  throw std::runtime_error("lab certificates: " + what + ": " + text.data());
}

void require(bool good, const std::string& what) {
  if (!good) fail(what);
}

KeyPtr make_ec_key(const char* curve = "P-256") {
  KeyPtr key{EVP_EC_gen(curve)};
  require(key != nullptr, std::string(curve) + " key");
  return key;
}

KeyPtr make_rsa_key(unsigned bits) {
  KeyPtr key{EVP_RSA_gen(bits)};
  require(key != nullptr, "RSA key");
  return key;
}

/// As authorities do: SHA-384 with P-384.
const EVP_MD* digest_for(EVP_PKEY* signer) { return EVP_PKEY_get_bits(signer) == 384 ? EVP_sha384() : EVP_sha256(); }

void set_serial(X509* certificate) {
  static std::uint64_t serial = 0x4c41420000000000;  // "LAB"; only uniqueness within an issuer matters
  require(ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), ++serial) == 1, "serial");
}

void set_common_name(X509* certificate, const std::string& name) {
  const auto* octets = reinterpret_cast<const unsigned char*>(name.data());
  const auto shown = static_cast<int>(std::min<std::size_t>(name.size(), ub_common_name));
  require(X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName, MBSTRING_UTF8, octets, shown,
                                     -1, 0) == 1,
          "common name");
}

void set_validity(X509* certificate, long from_days, long to_days) {
  require(X509_gmtime_adj(X509_getm_notBefore(certificate), from_days * kSecondsPerDay) != nullptr, "notBefore");
  require(X509_gmtime_adj(X509_getm_notAfter(certificate), to_days * kSecondsPerDay) != nullptr, "notAfter");
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  const ConfPtr no_settings{NCONF_new(nullptr)};  // certificatePolicies insist on one
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509V3_set_nconf(&context, no_settings.get());
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  require(extension != nullptr, value);
  const int added = X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  require(added == 1, value);
}

X509Ptr make_blank(EVP_PKEY* key, const std::string& name, long from_days, long to_days) {
  X509Ptr certificate{X509_new()};
  require(certificate != nullptr, "X509_new");
  require(X509_set_version(certificate.get(), X509_VERSION_3) == 1, "version");
  set_serial(certificate.get());
  set_common_name(certificate.get(), name);
  set_validity(certificate.get(), from_days, to_days);
  require(X509_set_pubkey(certificate.get(), key) == 1, "public key");
  return certificate;
}

}  // namespace

/// How one kind of leaf differs from a good one.
struct CertificateMint::LeafPlan {
  std::string_view authority{"intermediate"};  // "" signs itself
  std::vector<std::string_view> sent{"intermediate"};
  long from_days{-1};
  long to_days{90};
  bool san{true};
  bool right_name{true};
  bool wildcard{};
  bool public_issuance{};  // a CA/Browser Forum policy and an AIA caIssuers URL
  bool weak_key{};
  bool sha1{};
  bool other_purpose{};
  bool extra_expired{};  // sends an expired certificate that no path needs
};

CertificateMint::CertificateMint() : leaf_key_{make_ec_key()}, weak_key_{make_rsa_key(1024)} {
  const auto add = [this](const char* role, const char* name, const char* issuer, long from, long to,
                          const char* constraints = nullptr) {
    const Authority* parent = issuer == nullptr ? nullptr : &authorities_.at(issuer);
    authorities_[role] = make_authority(make_ec_key(), name, parent, from, to, constraints);
  };
  add("root", "Lab Root CA", nullptr, -1000, 3650);
  add("intermediate", "Lab Intermediate CA", "root", -400, 1800);
  add("expired-intermediate", "Lab Expired Intermediate CA", "root", -400, -5);
  add("constrained", "Lab Constrained CA", "root", -400, 1800, "permitted;DNS:elsewhere.test");
  add("unsent-public", "Lab Public Intermediate CA", "root", -400, 1800);
  add("unsent-private", "Lab Private Intermediate CA", "root", -400, 1800);
  // Has the root's name and key identifier, but not its key.
  X509* root = authorities_.at("root").certificate.get();
  X509_up_ref(root);
  authorities_["forger"] = Authority{make_ec_key(), X509Ptr{root}};
  add("forged-intermediate", "Lab Forged Intermediate CA", "forger", -400, 30);
  add("stranger", "Unknown Root CA", nullptr, -400, 1800);
}

CertificateMint::~CertificateMint() = default;

CertificateMint::Authority CertificateMint::make_authority(KeyPtr key, const std::string& name, const Authority* issuer,
                                                           long from_days, long to_days, const char* name_constraints) {
  Authority made{std::move(key), nullptr};
  made.certificate = make_blank(made.key.get(), name, from_days, to_days);
  X509* certificate = made.certificate.get();
  X509* parent = issuer == nullptr ? certificate : issuer->certificate.get();
  require(X509_set_issuer_name(certificate, X509_get_subject_name(parent)) == 1, "issuer");
  add_extension(certificate, parent, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate, parent, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(certificate, parent, NID_subject_key_identifier, "hash");
  add_extension(certificate, parent, NID_authority_key_identifier, "keyid:always");
  if (name_constraints != nullptr) {
    add_extension(certificate, parent, NID_name_constraints, std::string("critical,") + name_constraints);
  }
  EVP_PKEY* signer = issuer == nullptr ? made.key.get() : issuer->key.get();
  require(X509_sign(certificate, signer, digest_for(signer)) > 0, "signature of " + name);
  return made;
}

/// Key types and sizes are those of ISRG Root X1 and E6. Made when first asked for: the RSA key takes a second.
void CertificateMint::add_letsencrypt() {
  constexpr unsigned kRootBits = 4096;
  if (authorities_.contains("letsencrypt")) return;
  const Authority& root = authorities_["letsencrypt-root"] =
      make_authority(make_rsa_key(kRootBits), "Lab RSA Root CA", nullptr, -1000, 3650);
  authorities_["letsencrypt"] = make_authority(make_ec_key("P-384"), "Lab P-384 Intermediate CA", &root, -400, 1800);
}

CertificateMint::LeafPlan CertificateMint::plan_of(std::string_view kind) {
  LeafPlan plan;
  if (kind == "good") return plan;
  if (kind == "wildcard")
    plan.wildcard = true;
  else if (kind == "expires-soon")
    plan.to_days = 10;
  else if (kind == "expired")
    plan.from_days = -100, plan.to_days = -10;
  else if (kind == "not-yet-valid")
    plan.from_days = 5;
  else if (kind == "expired-intermediate")
    plan.authority = kind, plan.sent = {"expired-intermediate"};
  else if (kind == "forged-intermediate")
    plan.authority = kind, plan.sent = {"forged-intermediate"};
  else if (kind == "forged-unsent")
    plan.authority = "forged-intermediate", plan.sent = {};
  else if (kind == "wrong-name")
    plan.right_name = false;
  else if (kind == "no-san")
    plan.san = false;
  else if (kind == "self-signed")
    plan.authority = "", plan.sent = {};
  else if (kind == "unknown-ca")
    plan.authority = "stranger", plan.sent = {"stranger"};
  else if (kind == "incomplete-public")
    plan.authority = "unsent-public", plan.sent = {}, plan.public_issuance = true;
  else if (kind == "incomplete-private")
    plan.authority = "unsent-private", plan.sent = {};
  else if (kind == "name-constraints")
    plan.authority = "constrained", plan.sent = {"constrained"};
  else if (kind == "wrong-purpose")
    plan.other_purpose = true;
  else if (kind == "weak-key")
    plan.weak_key = true;
  else if (kind == "sha1")
    plan.sha1 = true;
  else if (kind == "extra-expired")
    plan.extra_expired = true;
  else if (kind == "letsencrypt")
    plan.authority = kind, plan.sent = {"letsencrypt"}, plan.public_issuance = true;
  else if (kind == "everything")
    plan = LeafPlan{"", {}, -100, -10, true, false};
  else
    throw std::invalid_argument("unknown kind of certificate: " + std::string(kind));
  return plan;
}

X509* CertificateMint::mint_leaf(const LeafPlan& plan, const std::string& host) {
  EVP_PKEY* key = plan.weak_key ? weak_key_.get() : leaf_key_.get();
  X509Ptr made = make_blank(key, host, plan.from_days, plan.to_days);
  X509* leaf = made.get();
  const Authority* issuer = plan.authority.empty() ? nullptr : &authorities_.find(plan.authority)->second;
  X509* parent = issuer == nullptr ? leaf : issuer->certificate.get();
  require(X509_set_issuer_name(leaf, X509_get_subject_name(parent)) == 1, "issuer");
  add_extension(leaf, parent, NID_key_usage, "critical,digitalSignature,keyEncipherment");
  add_extension(leaf, parent, NID_ext_key_usage, plan.other_purpose ? "clientAuth" : "serverAuth");
  add_extension(leaf, parent, NID_subject_key_identifier, "hash");
  if (issuer != nullptr) add_extension(leaf, parent, NID_authority_key_identifier, "keyid:always");
  std::string name = plan.right_name ? host : "elsewhere.example";
  if (plan.wildcard) name = "*" + host.substr(host.find('.'));
  if (plan.san) add_extension(leaf, parent, NID_subject_alt_name, "DNS:" + name);
  if (plan.public_issuance) {
    add_extension(leaf, parent, NID_certificate_policies, "2.23.140.1.2.1");
    add_extension(leaf, parent, NID_info_access, "caIssuers;URI:http://ca.lab.test/intermediate.der");
  }
  EVP_PKEY* signer = issuer == nullptr ? key : issuer->key.get();
  require(X509_sign(leaf, signer, plan.sha1 ? EVP_sha1() : digest_for(signer)) > 0, "signature for " + host);
  return keep(std::move(made));
}

X509* CertificateMint::keep(X509Ptr certificate) {
  kept_.push_back(std::move(certificate));
  return kept_.back().get();
}

Credentials CertificateMint::credentials(std::string_view kind, const std::string& host) {
  auto& made = minted_[{std::string(kind), host}];
  if (made.key != nullptr) return made;
  const LeafPlan plan = plan_of(kind);
  if (kind == "letsencrypt") add_letsencrypt();
  made.chain.push_back(mint_leaf(plan, host));
  for (const std::string_view role : plan.sent) {
    made.chain.push_back(authorities_.find(role)->second.certificate.get());
  }
  if (plan.extra_expired) made.chain.push_back(authorities_.find("expired-intermediate")->second.certificate.get());
  made.key = plan.weak_key ? weak_key_.get() : leaf_key_.get();
  return made;
}

std::string CertificateMint::root_pem() const {
  const BioPtr memory{BIO_new(BIO_s_mem())};
  for (const std::string_view role : {"root", "letsencrypt-root"}) {
    const auto root = authorities_.find(role);
    if (root == authorities_.end()) continue;
    require(PEM_write_bio_X509(memory.get(), root->second.certificate.get()) == 1, "PEM");
  }
  char* text = nullptr;
  const long length = BIO_get_mem_data(memory.get(), &text);
  return {text, static_cast<std::size_t>(length)};
}

}  // namespace mtasts::lab
