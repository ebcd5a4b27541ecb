// SPDX-License-Identifier: Apache-2.0
#include "exporter/check_report.h"

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <optional>

namespace mtasts {
namespace {

namespace json = boost::json;

constexpr std::size_t kColumns = 98;

/// Text from outside as it may stand on a terminal and in JSON: octets outside printable ASCII become \xNN.
std::string escaped(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string shown;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet >= 0x20 && octet < 0x7f) {
      shown += c;
    } else {
      shown += {'\\', 'x', kHex[octet >> 4], kHex[octet & 15]};
    }
  }
  return shown;
}

/// May the name stand in a command that a person pastes into a shell?
bool is_plain_name(std::string_view name) {
  return !name.empty() && name.front() != '-' && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
  });
}

long long days_left(UnixTime not_after, UnixTime now) {
  return std::chrono::floor<std::chrono::days>(not_after - now).count();
}

std::string date_text(UnixTime time) {
  const std::chrono::year_month_day date{std::chrono::floor<std::chrono::days>(time)};
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()));
  return text;
}

std::string age_text(std::chrono::seconds age) {
  const auto days = std::chrono::floor<std::chrono::days>(age).count();
  return days > 0 && age % std::chrono::days{1} == std::chrono::seconds{}
             ? std::to_string(days) + (days == 1 ? " day" : " days")
             : std::to_string(age.count()) + " s";
}

std::string days_text(long long days) {
  if (days < 0) return "expired " + std::to_string(-days) + (days == -1 ? " day ago" : " days ago");
  return std::to_string(days) + (days == 1 ? " day left" : " days left");
}

std::string yes_no(const std::optional<bool>& value) { return value ? (*value ? "yes" : "NO") : "-"; }

/// The mode that counts: of the policy in force, else of the one fetched.
std::optional<StsMode> mode_of(const DomainVerdict& verdict) {
  if (verdict.in_force) return verdict.in_force->policy.mode;
  if (verdict.policy) return verdict.policy->mode;
  return std::nullopt;
}

/// Is there anything of MTA-STS at this domain, or should there be?
bool has_mta_sts(const DomainVerdict& verdict) {
  const bool wanted = verdict.expected_mode && *verdict.expected_mode != StsMode::none;
  const bool announced = verdict.record && *verdict.record != RecordStatus::none;
  return announced || wanted || verdict.in_force || verdict.fetch_success.value_or(false);
}

bool has_fault(const DomainVerdict& verdict, ResultType type) {
  return std::any_of(verdict.faults.begin(), verdict.faults.end(),
                     [=](const Fault& fault) { return fault.type == type; });
}

bool is_broken(const DomainVerdict& verdict) {
  if (!has_mta_sts(verdict)) return false;
  return (verdict.record && *verdict.record != RecordStatus::valid) ||
         has_fault(verdict, ResultType::sts_policy_fetch_error) || has_fault(verdict, ResultType::sts_policy_invalid) ||
         has_fault(verdict, ResultType::sts_webpki_invalid);
}

bool refuses_mail(const DomainVerdict& verdict) {
  return verdict.in_force && verdict.in_force->policy.mode == StsMode::enforce && verdict.deliverable == false;
}

/// Our side failed, or DNS did not say what we need to know.
bool is_unknown(const CheckResult& result) {
  const DomainVerdict& verdict = result.verdict;
  const auto dns_failed = [&](DnsQuery query) { return verdict.dns_success[static_cast<std::size_t>(query)] == false; };
  return verdict.state == DomainState::unknown || verdict.state == DomainState::pending ||
         dns_failed(DnsQuery::mta_sts) || dns_failed(DnsQuery::mx) ||
         result.seen.mx.lookup.status == DnsStatus::nxdomain;
}

Severity severity_of(const CheckReportOptions& options, CodeKind kind, std::string_view code) {
  const CatalogueEntry* entry = options.find(kind, code);
  return entry != nullptr ? entry->severity : Severity::warning;
}

std::string_view status_word(CheckStatus status) {
  constexpr std::string_view kWords[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
  return kWords[static_cast<int>(status)];
}

const MxVerdict* find_host(const CheckResult& result, std::string_view host) {
  const auto found = std::find_if(result.hosts.begin(), result.hosts.end(),
                                  [&](const MxVerdict& verdict) { return verdict.host == host; });
  return found == result.hosts.end() ? nullptr : &*found;
}

// --- Commands to see it with one's own eyes ---

class Commands {
 public:
  Commands(const CheckReportOptions& options, std::string_view domain) : options_{options}, domain_{domain} {}

  std::string dig(std::string_view type, const std::string& name) const {
    if (!is_plain_name(name)) return "";
    return "dig " + server() + std::string(type) + " " + name;
  }
  std::string curl() const {
    if (!is_plain_name(domain_)) return "";
    const std::string port = options_.policy_port == 443 ? "" : ":" + std::to_string(options_.policy_port);
    return "curl -sSi --max-time 60 https://" + policy_host() + port + "/.well-known/mta-sts.txt";
  }
  std::string openssl(const std::string& host, std::uint16_t port, std::string_view extra) const {
    if (!is_plain_name(host)) return "";
    return "openssl s_client " + std::string(extra) + "-connect " + host + ":" + std::to_string(port) +
           " -servername " + host + " -verify_hostname " + host + " -showcerts </dev/null";
  }
  std::string record() const { return dig("TXT", "_mta-sts." + domain_); }

  /// The command that shows a fault, "" when a name in it is not fit for a shell.
  std::string of(const Fault& fault) const {
    switch (fault.type) {
      case ResultType::sts_policy_fetch_error:
        return fault.reason.starts_with("dns-") ? dig("A", policy_host()) : curl();
      case ResultType::sts_policy_invalid:
        return curl();
      case ResultType::sts_webpki_invalid:
        return openssl(policy_host(), options_.policy_port, "");
      case ResultType::tlsa_invalid:
      case ResultType::dane_required:
        return dig("+dnssec TLSA", tlsa_name(fault.host));
      case ResultType::dnssec_invalid:
        return dig("+dnssec +cdflag TLSA", tlsa_name(fault.host));
      case ResultType::validation_failure:
        if (fault.reason == "mx-mismatch") return dig("+short MX", domain_);
        break;
      default:
        break;
    }
    return openssl(fault.host, options_.smtp_port, "-starttls smtp ");
  }

 private:
  std::string policy_host() const { return "mta-sts." + domain_; }
  std::string tlsa_name(const std::string& host) const {
    return "_" + std::to_string(options_.smtp_port) + "._tcp." + host;
  }
  /// "@ADDRESS -p PORT " of the server asked, "" for the system's.
  std::string server() const {
    const auto colon = options_.dns_server.rfind(':');
    if (colon == std::string::npos) return "";
    std::string address = options_.dns_server.substr(0, colon);
    std::erase_if(address, [](char c) { return c == '[' || c == ']'; });
    return "@" + address + " -p " + options_.dns_server.substr(colon + 1) + " ";
  }

  const CheckReportOptions& options_;
  std::string domain_;
};

// --- Text ---

class TextReport {
 public:
  TextReport(const CheckResult& result, const CheckReportOptions& options)
      : result_{result}, verdict_{result.verdict}, options_{options}, commands_{options, result.verdict.domain} {}

  std::string render() {
    headline();
    fundamentals();
    mx_table();
    faults();
    findings();
    return std::move(text_);
  }

 private:
  enum class Color { red = 31, green = 32, yellow = 33 };

  std::string colored(std::string text, Color color) const {
    if (!options_.color) return text;
    return "\x1b[1;" + std::to_string(static_cast<int>(color)) + "m" + text + "\x1b[0m";
  }
  std::string colored(Severity severity) const {
    const bool loud = severity == Severity::high || severity == Severity::critical;
    if (severity == Severity::info) return std::string(to_string(severity));
    return colored(std::string(to_string(severity)), loud ? Color::red : Color::yellow);
  }

  void line(const std::string& text = "") { text_ += text + "\n"; }

  /// `label` and a paragraph beside it, wrapped at the width of the page.
  void paragraph(const std::string& label, std::string_view words) {
    std::string current = label;
    const std::string indent(label.size(), ' ');
    for (std::size_t start = 0; start < words.size();) {
      const std::size_t end = std::min(words.find(' ', start), words.size());
      const auto word = words.substr(start, end - start);
      const bool first = current.size() == label.size();
      if (!first && current.size() + 1 + word.size() > kColumns) {
        line(current);
        current = indent + std::string(word);
      } else {
        current += (first ? "" : " ") + std::string(word);
      }
      start = end + 1;
    }
    line(current);
  }

  void headline() {
    const CheckStatus status = check_status(result_, options_);
    const auto mode = mode_of(verdict_);
    const Color color = status == CheckStatus::ok         ? Color::green
                        : status == CheckStatus::critical ? Color::red
                                                          : Color::yellow;
    std::string text = escaped(verdict_.domain) + ": " + colored(std::string(status_word(status)), color) + ", state " +
                       std::string(to_string(verdict_.state));
    text += mode ? ", mode " + std::string(to_string(*mode)) : has_mta_sts(verdict_) ? ", no policy" : ", no MTA-STS";
    text += verdict_.null_mx ? ", takes no mail (null MX)" : deliverable_text();
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, " (%.1f s)", result_.seconds);
    line(text + seconds);
    if (!verdict_.unknown_reason.empty()) paragraph("  Not judged: ", escaped(verdict_.unknown_reason));
    if (result_.seen.mx.lookup.status == DnsStatus::nxdomain) line("  The domain does not exist (NXDOMAIN).");
  }

  std::string deliverable_text() const {
    if (verdict_.mx.empty()) return ", no MX host known";
    const auto count = std::count_if(verdict_.mx.begin(), verdict_.mx.end(),
                                     [](const MxMembership& mx) { return mx.deliverable == true; });
    return ", " + std::to_string(count) + " of " + std::to_string(verdict_.mx.size()) + " MX deliverable";
  }

  void fundamentals() {
    line();
    paragraph("  Record       ", record_text());
    if (verdict_.record != RecordStatus::valid) see(commands_.record(), "               ");
    paragraph("  Policy       ", policy_text());
    if (verdict_.in_force && !verdict_.in_force->live)
      paragraph("               ", "senders may apply a cached policy, mode " +
                                       std::string(to_string(verdict_.in_force->policy.mode)) + ", until " +
                                       date_text(verdict_.in_force->until));
    paragraph("  Certificate  ", certificate_text());
  }

  std::string record_text() const {
    if (!verdict_.record) return "not known: the DNS gave no answer";
    const std::string id = verdict_.record_id.empty() ? "" : ", id " + escaped(verdict_.record_id);
    return std::string(to_string(*verdict_.record)) + id + ", at _mta-sts." + escaped(verdict_.domain);
  }

  std::string policy_text() const {
    if (!verdict_.fetch_success) return "not fetched";
    const std::string http =
        verdict_.http_status.value_or(0) != 0 ? " (HTTP status " + std::to_string(*verdict_.http_status) + ")" : "";
    if (!*verdict_.fetch_success) return "could not be fetched" + http;
    if (!verdict_.policy) return "fetched, but NOT VALID";
    std::string text = "mode " + std::string(to_string(verdict_.policy->mode)) + ", max_age " +
                       age_text(verdict_.policy->max_age) + ", mx";
    for (const std::string& pattern : verdict_.policy->mx) text += " " + escaped(pattern);
    return text;
  }

  std::string certificate_text() const {
    const std::string host = "mta-sts." + escaped(verdict_.domain);
    if (!verdict_.policy_not_after) return "none seen at " + host;
    const bool bad = has_fault(verdict_, ResultType::sts_webpki_invalid);
    return std::string(bad ? "NOT VALID" : "valid") + ", " +
           days_text(days_left(*verdict_.policy_not_after, options_.now)) + " (" +
           date_text(*verdict_.policy_not_after) + "), at " + host;
  }

  void mx_table() {
    if (verdict_.mx.empty()) return;
    std::size_t width = 4;
    for (const MxMembership& mx : verdict_.mx) width = std::max(width, escaped(mx.host).size());
    line();
    line("   Pref  " + padded("Host", width) +
         "  IP    Reachable  STARTTLS  Verified  TLS      Days  Covered  Deliverable");
    for (const MxMembership& mx : verdict_.mx) mx_rows(mx, width);
  }

  static std::string padded(std::string text, std::size_t width) {
    if (text.size() < width) text.resize(width, ' ');
    return text;
  }
  static std::string aligned_right(const std::string& text, std::size_t width) {
    return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
  }

  void mx_rows(const MxMembership& mx, std::size_t width) {
    const std::string start =
        aligned_right(std::to_string(mx.preference), 7) + "  " + padded(escaped(mx.host), width) + "  ";
    const std::string end = "  " + padded(yes_no(mx.covered), 7) + "  " + yes_no(mx.deliverable);
    const MxVerdict* host = find_host(result_, mx.host);
    if (host == nullptr || (!host->ipv4 && !host->ipv6)) {
      line(start + padded(host == nullptr ? "not probed" : "no address", 48) + end);
      return;
    }
    const std::string blank(start.size(), ' ');
    if (host->ipv4) line(start + family_columns("ipv4", *host->ipv4) + end);
    if (host->ipv6)
      line(host->ipv4 ? blank + family_columns("ipv6", *host->ipv6)
                      : start + family_columns("ipv6", *host->ipv6) + end);
    for (const auto& [name, family] : {std::pair{"ipv4", &host->ipv4}, std::pair{"ipv6", &host->ipv6}})
      if (*family && !(*family)->reachable)
        line(blank + std::string(name) + " not reachable: " + escaped((*family)->unreachable_reason));
  }

  std::string family_columns(const std::string& name, const MxFamilyVerdict& family) const {
    const std::string version = family.tls_version.empty() ? "-" : escaped(family.tls_version);
    const std::string days = family.not_after ? std::to_string(days_left(*family.not_after, options_.now)) : "-";
    return name + "  " + padded(yes_no(family.reachable), 9) + "  " + padded(yes_no(family.starttls), 8) + "  " +
           padded(yes_no(family.verified), 8) + "  " + padded(version, 7) + "  " + aligned_right(days, 4);
  }

  void see(const std::string& command, const std::string& indent) {
    if (!command.empty()) line(indent + "See it: " + command);  // never wrapped, so that it can be pasted
  }

  /// The catalogue's words on a code.
  void advise(const CatalogueEntry* entry, bool with_meaning) {
    if (entry == nullptr) return;
    if (with_meaning && !entry->meaning.empty()) paragraph("     Meaning: ", entry->meaning);
    if (!entry->remedy.empty()) paragraph("     To do:   ", entry->remedy);
  }

  void faults() {
    if (verdict_.faults.empty()) return;
    line();
    line("  What is wrong");
    int number = 0;
    for (const Fault& fault : verdict_.faults) {
      const std::string type{to_string(fault.type)};
      line("  " + std::to_string(++number) + ". " + type + " [" +
           colored(severity_of(options_, CodeKind::result_type, type)) + "] " + escaped(fault.host) +
           (fault.reason.empty() ? "" : ": " + escaped(fault.reason)));
      if (!fault.message.empty()) paragraph("     ", escaped(fault.message));
      advise(entry_of(fault), true);
      see(commands_.of(fault), "     ");
    }
  }

  /// What the catalogue knows best: the reason, the rule broken, or at least the result type.
  const CatalogueEntry* entry_of(const Fault& fault) const {
    for (const CodeKind kind : {CodeKind::reason, CodeKind::policy_error})
      if (const CatalogueEntry* entry = options_.find(kind, fault.reason)) return entry;
    return options_.find(CodeKind::result_type, to_string(fault.type));
  }

  void findings() {
    if (verdict_.findings.empty()) return;
    line();
    line("  Findings");
    for (const Finding& finding : verdict_.findings) {
      line("  -  " + escaped(finding.code) + " [" + colored(severity_of(options_, CodeKind::finding, finding.code)) +
           "]" + (finding.host.empty() ? "" : " " + escaped(finding.host)));
      if (!finding.message.empty()) paragraph("     ", escaped(finding.message));
      advise(options_.find(CodeKind::finding, finding.code), finding.message.empty());
    }
  }

  const CheckResult& result_;
  const DomainVerdict& verdict_;
  const CheckReportOptions& options_;
  Commands commands_;
  std::string text_{};
};

// --- JSON ---

template <class T>
json::value or_null(const std::optional<T>& value) {
  return value ? json::value(*value) : json::value{};
}

template <class Enum>
json::value word_or_null(const std::optional<Enum>& value) {
  return value ? json::value(to_string(*value)) : json::value{};
}

json::value certificate_json(const std::optional<UnixTime>& not_after, UnixTime now) {
  if (!not_after) return nullptr;
  return json::object{{"not_after", not_after->time_since_epoch().count()}, {"days_left", days_left(*not_after, now)}};
}

json::array strings_json(const std::vector<std::string>& texts) {
  json::array array;
  for (const std::string& text : texts) array.emplace_back(escaped(text));
  return array;
}

json::object record_json(const CheckResult& result) {
  const std::string id = escaped(result.verdict.record_id);
  return {{"status", word_or_null(result.verdict.record)},
          {"id", id.empty() ? json::value{} : json::value(id)},
          {"records", strings_json(result.seen.sts.records)}};
}

json::value in_force_json(const std::optional<PolicyInForce>& in_force) {
  if (!in_force) return nullptr;
  return json::object{{"mode", to_string(in_force->policy.mode)},
                      {"id", escaped(in_force->id)},
                      {"until", in_force->until.time_since_epoch().count()},
                      {"live", in_force->live}};
}

json::object policy_json(const DomainVerdict& verdict, UnixTime now) {
  json::object object{{"fetched", or_null(verdict.fetch_success)},
                      {"http_status", or_null(verdict.http_status)},
                      {"valid", or_null(verdict.policy_valid)},
                      {"mode", nullptr},
                      {"max_age", nullptr},
                      {"mx", json::array{}},
                      {"in_force", in_force_json(verdict.in_force)},
                      {"certificate", certificate_json(verdict.policy_not_after, now)}};
  if (verdict.policy) {
    object["mode"] = to_string(verdict.policy->mode);
    object["max_age"] = verdict.policy->max_age.count();
    object["mx"] = strings_json(verdict.policy->mx);
  }
  return object;
}

json::value family_json(const std::optional<MxFamilyVerdict>& family, UnixTime now) {
  if (!family) return nullptr;
  return json::object{{"reachable", family->reachable},
                      {"unreachable_reason", escaped(family->unreachable_reason)},
                      {"starttls", or_null(family->starttls)},
                      {"verified", or_null(family->verified)},
                      {"tls_version", escaped(family->tls_version)},
                      {"cipher", escaped(family->cipher)},
                      {"certificate", certificate_json(family->not_after, now)}};
}

json::array mx_json(const CheckResult& result, UnixTime now) {
  json::array array;
  for (const MxMembership& mx : result.verdict.mx) {
    json::object object{{"host", escaped(mx.host)},
                        {"preference", mx.preference},
                        {"covered", or_null(mx.covered)},
                        {"deliverable", or_null(mx.deliverable)}};
    const MxVerdict* host = find_host(result, mx.host);
    object["ipv4"] = host != nullptr ? family_json(host->ipv4, now) : json::value{};
    object["ipv6"] = host != nullptr ? family_json(host->ipv6, now) : json::value{};
    array.push_back(std::move(object));
  }
  return array;
}

json::array faults_json(const DomainVerdict& verdict) {
  json::array array;
  for (const Fault& fault : verdict.faults)
    array.push_back(json::object{{"result_type", to_string(fault.type)},
                                 {"host", escaped(fault.host)},
                                 {"reason", escaped(fault.reason)},
                                 {"message", escaped(fault.message)}});
  return array;
}

json::array findings_json(const DomainVerdict& verdict, const CheckReportOptions& options) {
  json::array array;
  for (const Finding& finding : verdict.findings) {
    const CatalogueEntry* entry = options.find(CodeKind::finding, finding.code);
    array.push_back(json::object{{"code", escaped(finding.code)},
                                 {"severity", to_string(severity_of(options, CodeKind::finding, finding.code))},
                                 {"host", escaped(finding.host)},
                                 {"message", escaped(finding.message)},
                                 {"remedy", entry != nullptr ? entry->remedy : std::string_view{}}});
  }
  return array;
}

json::object result_json(const CheckResult& result, const CheckReportOptions& options) {
  const DomainVerdict& verdict = result.verdict;
  return {{"domain", escaped(verdict.domain)},
          {"status", status_word(check_status(result, options))},
          {"success", verdict.success},
          {"state", to_string(verdict.state)},
          {"unknown_reason", escaped(verdict.unknown_reason)},
          {"mode", word_or_null(mode_of(verdict))},
          {"deliverable", or_null(verdict.deliverable)},
          {"null_mx", verdict.null_mx},
          {"seconds", result.seconds},
          {"results", faults_json(verdict)},
          {"findings", findings_json(verdict, options)},
          {"record", record_json(result)},
          {"policy", policy_json(verdict, options.now)},
          {"mx", mx_json(result, options.now)}};
}

}  // namespace

std::string render_check_text(std::span<const CheckResult> results, const CheckReportOptions& options) {
  std::string text;
  for (const CheckResult& result : results) text += (text.empty() ? "" : "\n") + TextReport{result, options}.render();
  return text;
}

std::string render_check_json(std::span<const CheckResult> results, const CheckReportOptions& options) {
  json::array array;
  for (const CheckResult& result : results) array.push_back(result_json(result, options));
  return json::serialize(array) + "\n";
}

CheckStatus check_status(const CheckResult& result, const CheckReportOptions& options) {
  const DomainVerdict& verdict = result.verdict;
  if (refuses_mail(verdict) || is_broken(verdict)) return CheckStatus::critical;
  if (is_unknown(result)) return CheckStatus::unknown;
  const bool noteworthy = std::any_of(verdict.findings.begin(), verdict.findings.end(), [&](const Finding& finding) {
    return severity_of(options, CodeKind::finding, finding.code) != Severity::info;
  });
  const bool harmless = verdict.faults.empty() || !has_mta_sts(verdict);
  const bool mx_faulty =
      std::any_of(result.hosts.begin(), result.hosts.end(), [](const MxVerdict& host) { return !host.faults.empty(); });
  return noteworthy || !harmless || mx_faulty ? CheckStatus::warning : CheckStatus::ok;
}

int check_exit_status(std::span<const CheckResult> results, const CheckReportOptions& options) {
  for (const CheckStatus worst : {CheckStatus::critical, CheckStatus::unknown, CheckStatus::warning, CheckStatus::ok})
    if (std::any_of(results.begin(), results.end(),
                    [&](const CheckResult& result) { return check_status(result, options) == worst; }))
      return static_cast<int>(worst);
  return static_cast<int>(CheckStatus::unknown);
}

}  // namespace mtasts
