// SPDX-License-Identifier: Apache-2.0
#include "exporter/mail_voucher.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "probes/core/domain_name.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

using Tags = std::map<std::string, std::string>;

bool is_field(const HeaderField& field, std::string_view lower_name) { return to_lower(field.name) == lower_name; }

std::string property(const std::map<std::string, std::string>& properties, const std::string& name) {
  const auto found = properties.find(name);
  return found == properties.end() ? "" : found->second;
}

/// What the topmost field of the trusted server that tells of DKIM says; nullopt when there is none.
std::optional<std::vector<AuthResult>> trusted_dkim(std::span<const HeaderField> header, std::string_view authserv_id) {
  const std::string host = normalize_host(authserv_id);
  for (const HeaderField& field : header) {
    if (is_field(field, "received") && parse_received_by(field.value) != host) return std::nullopt;
    if (!is_field(field, "authentication-results")) continue;
    auto parsed = parse_authentication_results(field.value);
    if (!parsed || parsed->authserv_id != authserv_id) continue;
    std::erase_if(parsed->results, [](const AuthResult& result) { return result.method != "dkim"; });
    if (!parsed->results.empty()) return std::move(parsed->results);
  }
  return std::nullopt;
}

/// The domain of the only From field, "" when there is no such thing.
std::string from_domain(std::span<const HeaderField> header) {
  const auto is_from = [](const HeaderField& field) { return is_field(field, "from"); };
  if (std::count_if(header.begin(), header.end(), is_from) != 1) return "";
  return parse_from_domain(std::find_if(header.begin(), header.end(), is_from)->value);
}

bool is_subdomain(std::string_view name, std::string_view of) {
  return name.size() > of.size() && name.ends_with(of) && name[name.size() - of.size() - 1] == '.';
}

bool is_aligned(const std::string& a, const std::string& b) {
  return a == b || is_subdomain(a, b) || is_subdomain(b, a);
}

/// Does the result tell of this signature?
bool names(const AuthResult& result, const std::string& domain, const Tags& signature) {
  const std::string selector = property(result.properties, "header.s");
  const std::string beginning = property(result.properties, "header.b");
  return normalize_host(property(signature, "d")) == domain &&
         (selector.empty() || to_lower(selector) == to_lower(property(signature, "s"))) &&
         property(signature, "b").starts_with(beginning);
}

/// Why the signature that a pass names does not count, "" when it does.
std::string signature_doubt(const AuthResult& pass, const std::string& domain, const std::vector<Tags>& signatures) {
  bool found = false;
  for (const Tags& signature : signatures) {
    if (!names(pass, domain, signature)) continue;
    if (signature.contains("l")) return "the DKIM signature of " + domain + " covers only a part of the body (l=)";
    found = true;
  }
  return found ? "" : "there is no DKIM-Signature field of " + domain + " that fits the result";
}

Voucher judge(const AuthResult& result, const std::string& from, const std::vector<Tags>& signatures) {
  if (result.result != "pass") return {.doubt = "DKIM did not pass: " + result.result};
  if (result.ambiguous) return {.doubt = "a DKIM result has a property twice"};
  const auto domain = parse_domain_name(property(result.properties, "header.d"));
  if (!domain) return {.doubt = "a DKIM pass names no domain (header.d)"};
  if (!is_aligned(*domain, from))
    return {.doubt = "the DKIM domain " + *domain + " does not belong to the From domain " + from};
  std::string doubt = signature_doubt(result, *domain, signatures);
  if (!doubt.empty()) return {.doubt = std::move(doubt)};
  return {.domain = *domain};
}

std::vector<Tags> signatures_of(std::span<const HeaderField> header) {
  std::vector<Tags> signatures;
  for (const HeaderField& field : header) {
    if (!is_field(field, "dkim-signature")) continue;
    if (auto tags = parse_dkim_tags(field.value)) signatures.push_back(std::move(*tags));
  }
  return signatures;
}

}  // namespace

Voucher classify_voucher(std::span<const HeaderField> header, std::string_view authserv_id) {
  if (authserv_id.empty()) return {.doubt = "tlsrpt.authserv_id is not set, so no Authentication-Results are believed"};
  const auto results = trusted_dkim(header, authserv_id);
  if (!results)
    return {.doubt =
                "no Authentication-Results field of " + in_quotes(authserv_id) + " that can be believed tells of DKIM"};
  const std::string from = from_domain(header);
  if (from.empty()) return {.doubt = "there is not exactly one From field with one address"};
  const std::vector<Tags> signatures = signatures_of(header);
  Voucher first;
  for (const AuthResult& result : *results) {
    Voucher voucher = judge(result, from, signatures);
    if (voucher.doubt.empty()) return voucher;
    if (first.doubt.empty()) first = std::move(voucher);
  }
  return first;
}

}  // namespace mtasts
