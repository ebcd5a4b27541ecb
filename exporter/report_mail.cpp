// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_mail.h"

#include <gmime/gmime.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <utility>

#include "exporter/mail_bounds.h"
#include "probes/core/domain_name.h"

namespace mtasts {
namespace {

struct Unref {
  void operator()(void* object) const { g_object_unref(object); }
};
template <class T>
using Object = std::unique_ptr<T, Unref>;

constexpr std::array<std::string_view, 2> kDeclaredTypes{"application/tlsrpt+json", "application/tlsrpt+gzip"};
constexpr std::array<std::string_view, 8> kPossibleTypes{"application/json",         "text/json",
                                                         "application/gzip",         "application/x-gzip",
                                                         "application/octet-stream", "application/gzip-compressed",
                                                         "application/gzipped",      "gzip/document"};
constexpr std::array<std::string_view, 3> kSuffixes{".json", ".gz", ".gzip"};

/// A place in the tree of parts. The message that holds it keeps it alive.
struct Node {
  GMimeObject* part;
  std::size_t depth;
  bool forwarded;
};

std::string type_of(GMimeObject* part) {
  GMimeContentType* type = g_mime_object_get_content_type(part);
  if (type == nullptr) return "";
  const char* media = g_mime_content_type_get_media_type(type);
  const char* subtype = g_mime_content_type_get_media_subtype(type);
  return to_lower(std::string(media != nullptr ? media : "") + '/' + (subtype != nullptr ? subtype : ""));
}

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool has_report_name(GMimePart* part) {
  const char* name = g_mime_part_get_filename(part);
  const std::string lower = to_lower(name != nullptr ? name : "");
  return std::any_of(kSuffixes.begin(), kSuffixes.end(),
                     [&](std::string_view suffix) { return lower.ends_with(suffix); });
}

std::string content_of(GMimePart* part) {
  GMimeDataWrapper* wrapper = g_mime_part_get_content(part);
  if (wrapper == nullptr) return "";
  const Object<GMimeStream> stream(g_mime_stream_mem_new());
  g_mime_data_wrapper_write_to_stream(wrapper, stream.get());
  const GByteArray* octets = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream.get()));
  return {reinterpret_cast<const char*>(octets->data), octets->len};
}

/// Parts of a message still to be looked at. Walks without recursion: the depth is the sender's choice.
class PartWalk {
 public:
  PartWalk(ReportMail& mail, const MailLimits& limits) : mail_(mail), limits_(limits) {}

  void walk(GMimeMessage* message) {
    push_message(message, 0, false);
    for (std::size_t seen = 0; !nodes_.empty(); ++seen) {
      const Node node = nodes_.back();
      nodes_.pop_back();
      if (seen == limits_.max_parts || node.depth > limits_.max_depth) {
        mail_.beyond_limits = true;
        if (seen == limits_.max_parts) return;
        continue;
      }
      visit(node);
    }
  }

 private:
  void push_message(GMimeMessage* message, std::size_t depth, bool forwarded) {
    GMimeObject* part = message != nullptr ? g_mime_message_get_mime_part(message) : nullptr;
    if (part != nullptr) nodes_.push_back({part, depth, forwarded});
  }

  void visit(const Node& node) {
    if (GMIME_IS_MULTIPART(node.part)) {
      push_children(GMIME_MULTIPART(node.part), node);
    } else if (GMIME_IS_MESSAGE_PART(node.part)) {
      push_message(g_mime_message_part_get_message(GMIME_MESSAGE_PART(node.part)), node.depth + 1, true);
    } else if (GMIME_IS_PART(node.part)) {
      take(GMIME_PART(node.part), node.forwarded);
    }
  }

  /// The last first, so that the first is looked at first.
  void push_children(GMimeMultipart* multipart, const Node& node) {
    const int count = g_mime_multipart_get_count(multipart);
    const int looked_at = static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(count), limits_.max_parts));
    mail_.beyond_limits = mail_.beyond_limits || looked_at < count;
    for (int i = looked_at; i-- > 0;) {
      nodes_.push_back({g_mime_multipart_get_part(multipart, i), node.depth + 1, node.forwarded});
    }
  }

  void take(GMimePart* part, bool forwarded) {
    const std::string type = type_of(GMIME_OBJECT(part));
    const bool declared = contains(kDeclaredTypes, type);
    if (!declared && !contains(kPossibleTypes, type) && !has_report_name(part)) return;
    mail_.bodies.push_back({content_of(part), declared, forwarded});
  }

  ReportMail& mail_;
  const MailLimits& limits_;
  std::vector<Node> nodes_{};
};

std::vector<HeaderField> header_of(GMimeMessage* message) {
  std::vector<HeaderField> header;
  GMimeHeaderList* list = g_mime_object_get_header_list(GMIME_OBJECT(message));
  const int count = g_mime_header_list_get_count(list);
  for (int i = 0; i < count; ++i) {
    GMimeHeader* field = g_mime_header_list_get_header_at(list, i);
    const char* value = g_mime_header_get_raw_value(field);
    header.push_back({g_mime_header_get_name(field), value != nullptr ? value : ""});
  }
  return header;
}

Object<GMimeMessage> parse_message(std::string_view text) {
  static std::once_flag started;
  std::call_once(started, g_mime_init);
  const Object<GMimeStream> stream(g_mime_stream_mem_new_with_buffer(text.data(), text.size()));
  const Object<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
  return Object<GMimeMessage>(g_mime_parser_construct_message(parser.get(), nullptr));
}

}  // namespace

ReportMail parse_report_mail(std::string_view message, const MailLimits& limits) {
  ReportMail mail;
  mail.beyond_limits = !is_within_bounds(message, limits.bounds);
  if (mail.beyond_limits) return mail;
  const Object<GMimeMessage> parsed = parse_message(message);
  if (!parsed) return mail;
  mail.header = header_of(parsed.get());
  PartWalk(mail, limits).walk(parsed.get());
  return mail;
}

}  // namespace mtasts
