// SPDX-License-Identifier: Apache-2.0
#include "exporter/paragraph.h"

#include <gtest/gtest.h>

namespace mtasts {
namespace {

std::string repeated(const std::string& word, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += word;
  return text;
}

TEST(RenderParagraph, WrapsAtBlanksUnderTheLabel) {
  EXPECT_EQ(render_paragraph("Say:  ", repeated("word ", 18) + "word word"),
            "Say:  " + repeated("word ", 17) + "word\n      word word\n");
  EXPECT_EQ(render_paragraph("Say:  ", std::string(200, 'x') + " y"), "Say:  " + std::string(200, 'x') + "\n      y\n");
}

TEST(RenderParagraph, WhatIsToBeCopiedStaysOnOneLine) {
  EXPECT_EQ(render_paragraph("", repeated("word ", 18) + "`mx: mx1.example.org`, and more"),
            repeated("word ", 17) + "word\n`mx: mx1.example.org`, and more\n");
  const std::string words = repeated("word ", 30);
  EXPECT_EQ(render_paragraph("", "`" + words + "`"),
            "`" + repeated("word ", 18) + "word\n" + repeated("word ", 11) + "`\n");
  EXPECT_EQ(render_paragraph("", "a ` b"), "a ` b\n");
}

}  // namespace
}  // namespace mtasts
