"""Texts as real APIs send them, where words like token, key and password name no secret.

Redaction must hand every text of `INNOCENT` back byte for byte: nothing in it would help a
thief, and whoever reads the log would miss it. Each is `(name, content type, text, where)`,
where the last is `"request"` or `"response"`. `ARGUABLE` has the same form and is not tested.
"""

import json

JSON = "application/json"
PROBLEM = "application/problem+json"
NDJSON = "application/x-ndjson"
EVENTS = "text/event-stream"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW"
PLAIN = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
XML = "application/xml"
METRICS = "text/plain; version=0.0.4; charset=utf-8"

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5E"
    "rkJggg=="
)
GIF = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


def compact(text: str) -> str:
    """Write JSON without spaces, as most servers and browsers do."""
    return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)


def lines(*texts: str) -> str:
    """Write one JSON text per line."""
    return "".join(compact(text) + "\n" for text in texts)


def events(*texts: str) -> str:
    """Write server-sent events without names, as OpenAI does."""
    return "".join(f"data: {compact(text)}\n\n" for text in texts)


def named_events(*pairs: tuple[str, str]) -> str:
    """Write server-sent events with names, as Anthropic does."""
    return "".join(f"event: {name}\ndata: {compact(text)}\n\n" for name, text in pairs)


def prompt(text: str) -> str:
    """Write the request of a chat whose user says `text`."""
    messages = [{"role": "user", "content": text}]
    return json.dumps({"model": "gpt-4o-mini", "messages": messages}, separators=(",", ":"))


def answer(text: str) -> str:
    """Write the response of a chat whose model says `text`."""
    message = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    completion = {
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "object": "chat.completion",
        "created": 1741569952,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29},
        "system_fingerprint": "fp_06737a9306",
    }
    return json.dumps(completion, indent=2, ensure_ascii=False)


def multipart(**fields: str) -> str:
    """Write a form as browsers post it; none of the fields is a file."""
    mark = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    return "".join((*parts, f"--{mark}--\r\n"))


INNOCENT: tuple[tuple[str, str, str, str], ...] = (
    # Numbers, booleans, null and nothing at all under names that are secret with a text.
    ("cost-per-token", JSON, '{"input_cost_per_token": 3e-06}', "response"),
    ("token-count", JSON, '{"token_count": 31}', "response"),
    ("token-is-a-number", JSON, '{"token": 12, "text": "deep", "logprob": -0.25}', "response"),
    ("has-password", JSON, '{"has_password": true}', "response"),
    ("max-tokens", JSON, '{"max_tokens": 256}', "request"),
    (
        "mcp-progress-token",
        JSON,
        compact("""
        {
          "jsonrpc": "2.0",
          "method": "notifications/progress",
          "params": {"progressToken": 7, "progress": 50, "total": 100, "message": "Indexing"}
        }
        """),
        "request",
    ),
    (
        "mcp-call-with-progress-token",
        JSON,
        compact("""
        {
          "jsonrpc": "2.0",
          "id": 3,
          "method": "tools/call",
          "params": {
            "name": "search_issues",
            "arguments": {"query": "login fails", "limit": 10},
            "_meta": {"progressToken": 7}
          }
        }
        """),
        "request",
    ),
    (
        "prices-of-models",
        JSON,
        """\
{
    "gpt-4o": {
        "max_tokens": 16384,
        "max_input_tokens": 128000,
        "max_output_tokens": 16384,
        "input_cost_per_token": 2.5e-06,
        "output_cost_per_token": 1e-05,
        "input_cost_per_token_batches": 1.25e-06,
        "cache_read_input_token_cost": 1.25e-06,
        "litellm_provider": "openai",
        "mode": "chat",
        "supports_function_calling": true
    }
}
""",
        "response",
    ),
    (
        "account-flags",
        JSON,
        compact("""
        {
          "id": 4711,
          "email": "jane@example.com",
          "has_usable_password": false,
          "password_expired": false,
          "must_change_password": true,
          "otp_enabled": true,
          "pin_set": false,
          "api_key_count": 2,
          "has_api_key": true,
          "session_count": 3
        }
        """),
        "response",
    ),
    (
        "nothing-set-yet",
        JSON,
        compact("""
        {
          "name": "staging",
          "url": "https://hooks.example.com/deploys",
          "secret": null,
          "token": null,
          "password": null,
          "credentials": [],
          "cookie": "",
          "active": true
        }
        """),
        "response",
    ),
    ("empty-login", JSON, '{"username":"","password":"","remember":false}', "request"),
    (
        "lifetimes",
        JSON,
        compact("""
        {
          "realm": "shop",
          "accessTokenLifespan": 300,
          "accessTokenLifespanForImplicitFlow": 900,
          "ssoSessionIdleTimeout": 1800,
          "ssoSessionMaxLifespan": 36000,
          "accessCodeLifespan": 60,
          "revokeRefreshToken": false,
          "refreshTokenMaxReuse": 0,
          "resetPasswordAllowed": true,
          "editUsernameAllowed": false
        }
        """),
        "response",
    ),
    (
        "cognito-password-policy",
        JSON,
        compact("""
        {
          "UserPool": {
            "Id": "eu-central-1_Example",
            "Name": "customers",
            "Policies": {
              "PasswordPolicy": {
                "MinimumLength": 12,
                "RequireUppercase": true,
                "RequireLowercase": true,
                "RequireNumbers": true,
                "RequireSymbols": false,
                "TemporaryPasswordValidityDays": 7
              }
            },
            "MfaConfiguration": "OPTIONAL",
            "EstimatedNumberOfUsers": 1204
          }
        }
        """),
        "response",
    ),
    (
        "password-policy",
        JSON,
        compact("""
        {
          "password_policy": {
            "min_length": 12,
            "max_length": 128,
            "require_digit": true,
            "history": 5,
            "max_age_days": null
          },
          "session_timeout_minutes": 30
        }
        """),
        "response",
    ),
    (
        "when-it-changed",
        JSON,
        compact("""
        {
          "id": "7b0f6a52-90a5-4f2c-8b0c-3a3c1f6b2a55",
          "username": "jane",
          "password_changed_at": "2024-01-15T10:22:33Z",
          "token_expires_at": "2026-03-01T00:00:00+00:00",
          "last_login": "2026-01-31T12:00:00.000000Z"
        }
        """),
        "response",
    ),
    (
        "token-budget",
        JSON,
        compact("""
        {
          "plan": "team",
          "tokens_used": 184223,
          "tokens_limit": 1000000,
          "tokens_remaining": 815777,
          "token_price_usd": 0.000002,
          "resets_at": "2026-02-01T00:00:00Z"
        }
        """),
        "response",
    ),
    (
        "spotify-audio-features",
        JSON,
        """\
{
  "danceability" : 0.735,
  "energy" : 0.578,
  "key" : 5,
  "loudness" : -11.84,
  "mode" : 0,
  "tempo" : 98.002,
  "type" : "audio_features",
  "id" : "06AKEBrKUckW0KREUWRnvT",
  "duration_ms" : 255349,
  "time_signature" : 4
}
""",
        "response",
    ),
    ("tests-that-pass", JSON, '{"pass": 128, "fail": 0, "skip": 3, "total": 131}', "response"),
    (
        "cookie-consent",
        JSON,
        '{"cookie":true,"cookies":{"necessary":true,"analytics":false,"marketing":false}}',
        "request",
    ),
    (
        "feature-flags",
        JSON,
        compact("""
        {
          "flags": [
            {"key": "password_login", "value": true},
            {"key": "passkeys", "value": true},
            {"key": "secret_santa", "value": false},
            {"key": "max_tokens", "value": 4096}
          ]
        }
        """),
        "response",
    ),
    (
        "registered-public-client",
        JSON,
        compact("""
        {
          "client_id": "s6BhdRkqt3",
          "client_id_issued_at": 2893256800,
          "client_secret_expires_at": 0,
          "redirect_uris": ["https://client.example.org/callback"],
          "grant_types": ["authorization_code"],
          "client_name": "My Example",
          "token_endpoint_auth_method": "none",
          "jwks_uri": "https://client.example.org/my_public_keys.jwks"
        }
        """),
        "response",
    ),
    ("token-introspected", JSON, '{"active":false}', "response"),
    (
        "token-introspected-active",
        JSON,
        compact("""
        {
          "active": true,
          "client_id": "reports",
          "username": "jdoe",
          "scope": "read write dolphin",
          "token_type": "Bearer",
          "sub": "Z5O3upPC88QrAjx00dis",
          "aud": "https://protected.example.net/resource",
          "iss": "https://server.example.com/",
          "exp": 1419356238,
          "iat": 1419350238
        }
        """),
        "response",
    ),
    ("token-type-only", JSON, '{"token_type": "Bearer", "expires_in": 3600}', "response"),
    (
        "rate-limits-of-tokens",
        JSON,
        compact("""
        {
          "rate_limits": [
            {"name": "requests", "limit": 60, "remaining": 59, "reset_seconds": 1.0},
            {"name": "tokens", "limit": 150000, "remaining": 149984, "reset_seconds": 0.006}
          ]
        }
        """),
        "response",
    ),
    # What LLM APIs count.
    (
        "openai-chat-usage",
        JSON,
        """\
{
  "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
  "object": "chat.completion",
  "created": 1741569952,
  "model": "gpt-4.1-2025-04-14",
  "choices": [
    {
      "index": 0,
      "message": {
        "role": "assistant",
        "content": "Hello! How can I assist you today?",
        "refusal": null,
        "annotations": []
      },
      "logprobs": null,
      "finish_reason": "stop"
    }
  ],
  "usage": {
    "prompt_tokens": 19,
    "completion_tokens": 10,
    "total_tokens": 29,
    "prompt_tokens_details": {
      "cached_tokens": 0,
      "audio_tokens": 0
    },
    "completion_tokens_details": {
      "reasoning_tokens": 0,
      "audio_tokens": 0,
      "accepted_prediction_tokens": 0,
      "rejected_prediction_tokens": 0
    }
  },
  "service_tier": "default",
  "system_fingerprint": null
}
""",
        "response",
    ),
    (
        "openai-chat-request",
        JSON,
        compact("""
        {
          "model": "gpt-4o",
          "messages": [
            {"role": "system", "content": "You are a terse assistant."},
            {"role": "user", "content": "How do I reset my password?"}
          ],
          "max_completion_tokens": 256,
          "temperature": 0.2,
          "logprobs": true,
          "top_logprobs": 2,
          "stop": ["</s>"],
          "user": "user-7"
        }
        """),
        "request",
    ),
    (
        "openai-logit-bias",
        JSON,
        compact("""
        {
          "model": "gpt-4o",
          "messages": [{"role": "user", "content": "Say a word that isn't token."}],
          "logit_bias": {"30001": -100, "5963": -100},
          "max_tokens": 5,
          "seed": 42
        }
        """),
        "request",
    ),
    (
        "openai-chat-stream",
        EVENTS,
        events(
            """
            {"id": "chatcmpl-123", "object": "chat.completion.chunk", "created": 1694268190,
             "model": "gpt-4o-mini", "system_fingerprint": "fp_44709d6fcb",
             "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""},
                          "logprobs": null, "finish_reason": null}]}
            """,
            """
            {"id": "chatcmpl-123", "object": "chat.completion.chunk", "created": 1694268190,
             "model": "gpt-4o-mini", "system_fingerprint": "fp_44709d6fcb",
             "choices": [{"index": 0, "delta": {"content": "To reset your password, "},
                          "logprobs": null, "finish_reason": null}]}
            """,
            """
            {"id": "chatcmpl-123", "object": "chat.completion.chunk", "created": 1694268190,
             "model": "gpt-4o-mini", "system_fingerprint": "fp_44709d6fcb",
             "choices": [{"index": 0, "delta": {"content": "open Settings."},
                          "logprobs": null, "finish_reason": null}]}
            """,
            """
            {"id": "chatcmpl-123", "object": "chat.completion.chunk", "created": 1694268190,
             "model": "gpt-4o-mini", "system_fingerprint": "fp_44709d6fcb", "choices": [],
             "usage": {"prompt_tokens": 14, "completion_tokens": 9, "total_tokens": 23}}
            """,
        )
        + "data: [DONE]\n\n",
        "response",
    ),
    (
        "openai-responses-usage",
        JSON,
        """\
{
  "id": "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
  "object": "response",
  "created_at": 1741476542,
  "status": "completed",
  "error": null,
  "incomplete_details": null,
  "instructions": null,
  "max_output_tokens": null,
  "model": "gpt-4.1-2025-04-14",
  "output": [
    {
      "type": "message",
      "id": "msg_67ccd2bf17f0819081ff3bb2cf6508e60bb6a6b452d3795b",
      "status": "completed",
      "role": "assistant",
      "content": [
        {
          "type": "output_text",
          "text": "A token is a piece of a word.",
          "annotations": []
        }
      ]
    }
  ],
  "parallel_tool_calls": true,
  "previous_response_id": null,
  "store": true,
  "temperature": 1.0,
  "truncation": "disabled",
  "usage": {
    "input_tokens": 36,
    "input_tokens_details": {
      "cached_tokens": 0
    },
    "output_tokens": 87,
    "output_tokens_details": {
      "reasoning_tokens": 0
    },
    "total_tokens": 123
  },
  "user": null,
  "metadata": {}
}
""",
        "response",
    ),
    (
        "openai-responses-stream",
        EVENTS,
        named_events(
            (
                "response.output_text.delta",
                """
                {"type": "response.output_text.delta", "sequence_number": 4, "item_id": "msg_1",
                 "output_index": 0, "content_index": 0, "delta": "Tokens are ", "logprobs": []}
                """,
            ),
            (
                "response.completed",
                """
                {"type": "response.completed", "sequence_number": 5,
                 "response": {"id": "resp_1", "object": "response", "status": "completed",
                              "usage": {"input_tokens": 37, "output_tokens": 11,
                                        "output_tokens_details": {"reasoning_tokens": 0},
                                        "total_tokens": 48}}}
                """,
            ),
        ),
        "response",
    ),
    (
        "openai-embeddings",
        JSON,
        """\
{
  "object": "list",
  "data": [
    {
      "object": "embedding",
      "index": 0,
      "embedding": [
        -0.006929283495992422,
        -0.005336422007530928,
        -4.547132266452536e-05,
        -0.024047505110502243
      ]
    }
  ],
  "model": "text-embedding-3-small",
  "usage": {
    "prompt_tokens": 5,
    "total_tokens": 5
  }
}
""",
        "response",
    ),
    (
        "openai-embeddings-in-base64",
        JSON,
        compact("""
        {
          "object": "list",
          "data": [
            {"object": "embedding", "index": 0, "embedding": "pHo7vNvzCDw/Yz27zczMPQAAgL8AAAA/"}
          ],
          "model": "text-embedding-3-small",
          "usage": {"prompt_tokens": 5, "total_tokens": 5}
        }
        """),
        "response",
    ),
    (
        "openai-embeddings-of-token-ids",
        JSON,
        compact("""
        {"model": "text-embedding-ada-002", "input": [[15339, 1917], [34, 9906, 0]],
         "encoding_format": "float"}
        """),
        "request",
    ),
    (
        "openai-models",
        JSON,
        compact("""
        {
          "object": "list",
          "data": [
            {"id": "gpt-4o", "object": "model", "created": 1715367049, "owned_by": "system"},
            {"id": "ft:gpt-4o-mini-2024-07-18:acme::7p4lURel", "object": "model",
             "created": 1715367050, "owned_by": "acme"}
          ]
        }
        """),
        "response",
    ),
    (
        "openai-fine-tuning",
        JSON,
        compact("""
        {
          "object": "fine_tuning.job",
          "id": "ftjob-abc123",
          "model": "gpt-4o-mini-2024-07-18",
          "created_at": 1721764800,
          "fine_tuned_model": null,
          "organization_id": "org-123",
          "status": "queued",
          "training_file": "file-abc123",
          "trained_tokens": 5768,
          "hyperparameters": {"n_epochs": "auto", "batch_size": "auto"}
        }
        """),
        "response",
    ),
    (
        "openai-realtime-usage",
        JSON,
        compact("""
        {
          "type": "response.done",
          "event_id": "event_BtQ7nVjGtuVAdGz6pTjmv",
          "response": {
            "object": "realtime.response",
            "id": "resp_BtQ7mJ",
            "status": "completed",
            "output_modalities": ["text"],
            "max_output_tokens": "inf",
            "usage": {
              "total_tokens": 253,
              "input_tokens": 132,
              "output_tokens": 121,
              "input_token_details": {
                "text_tokens": 119,
                "audio_tokens": 13,
                "cached_tokens": 64,
                "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0}
              },
              "output_token_details": {"text_tokens": 30, "audio_tokens": 91}
            }
          }
        }
        """),
        "response",
    ),
    (
        "anthropic-usage",
        JSON,
        compact("""
        {
          "model": "claude-sonnet-4-5-20250929",
          "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
          "type": "message",
          "role": "assistant",
          "content": [{"type": "text", "text": "Hi! My name is Claude."}],
          "stop_reason": "end_turn",
          "stop_sequence": null,
          "usage": {
            "input_tokens": 2095,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 1800,
            "cache_creation": {
              "ephemeral_5m_input_tokens": 0,
              "ephemeral_1h_input_tokens": 0
            },
            "output_tokens": 503,
            "service_tier": "standard"
          }
        }
        """),
        "response",
    ),
    (
        "anthropic-request",
        JSON,
        compact("""
        {
          "model": "claude-sonnet-4-5",
          "max_tokens": 1024,
          "thinking": {"type": "enabled", "budget_tokens": 10000},
          "system": [
            {
              "type": "text",
              "text": "Answer questions about sign-in. Never ask for a password.",
              "cache_control": {"type": "ephemeral"}
            }
          ],
          "messages": [{"role": "user", "content": "My token expired. What now?"}]
        }
        """),
        "request",
    ),
    (
        "anthropic-stream",
        EVENTS,
        named_events(
            (
                "message_start",
                """
                {"type": "message_start",
                 "message": {"id": "msg_1nZdL29xx5MUA1yADyHTEsnR8uuvGzszyY", "type": "message",
                             "role": "assistant", "content": [],
                             "model": "claude-sonnet-4-5-20250929", "stop_reason": null,
                             "stop_sequence": null,
                             "usage": {"input_tokens": 25, "cache_read_input_tokens": 0,
                                       "output_tokens": 1}}}
                """,
            ),
            (
                "content_block_start",
                """
                {"type": "content_block_start", "index": 0,
                 "content_block": {"type": "text", "text": ""}}
                """,
            ),
            ("ping", '{"type": "ping"}'),
            (
                "content_block_delta",
                """
                {"type": "content_block_delta", "index": 0,
                 "delta": {"type": "text_delta", "text": "Your password: choose a long one"}}
                """,
            ),
            ("content_block_stop", '{"type": "content_block_stop", "index": 0}'),
            (
                "message_delta",
                """
                {"type": "message_delta", "delta": {"stop_reason": "end_turn",
                 "stop_sequence": null}, "usage": {"output_tokens": 15}}
                """,
            ),
            ("message_stop", '{"type": "message_stop"}'),
        ),
        "response",
    ),
    ("anthropic-count-tokens", JSON, '{ "input_tokens": 14 }', "response"),
    (
        "gemini-usage",
        JSON,
        """\
{
  "candidates": [
    {
      "content": {
        "parts": [
          {
            "text": "A tokenizer splits text into tokens."
          }
        ],
        "role": "model"
      },
      "finishReason": "STOP",
      "avgLogprobs": -0.11268319402422224
    }
  ],
  "usageMetadata": {
    "promptTokenCount": 8,
    "candidatesTokenCount": 9,
    "totalTokenCount": 17,
    "cachedContentTokenCount": 0,
    "thoughtsTokenCount": 0,
    "promptTokensDetails": [
      {
        "modality": "TEXT",
        "tokenCount": 8
      }
    ]
  },
  "modelVersion": "gemini-2.0-flash",
  "responseId": "qQ3aZ6nXN8aRmtkP7aqr2A0"
}
""",
        "response",
    ),
    (
        "gemini-count-tokens",
        JSON,
        """\
{
  "totalTokens": 31,
  "totalBillableCharacters": 96,
  "promptTokensDetails": [
    {
      "modality": "TEXT",
      "tokenCount": 31
    }
  ]
}
""",
        "response",
    ),
    (
        "gemini-request",
        JSON,
        compact("""
        {
          "contents": [{"role": "user", "parts": [{"text": "What is a primary key?"}]}],
          "generationConfig": {
            "maxOutputTokens": 800,
            "temperature": 1.0,
            "topK": 40,
            "responseLogprobs": true,
            "thinkingConfig": {"thinkingBudget": 1024}
          }
        }
        """),
        "request",
    ),
    (
        "gemini-logprobs",
        JSON,
        compact("""
        {
          "candidates": [
            {
              "content": {"parts": [{"text": "Hello"}], "role": "model"},
              "finishReason": "STOP",
              "logprobsResult": {
                "topCandidates": [
                  {
                    "candidates": [
                      {"token": "Hello", "tokenId": 4521, "logProbability": -0.0012},
                      {"token": "Hi", "tokenId": 2151, "logProbability": -6.9}
                    ]
                  }
                ],
                "chosenCandidates": [
                  {"token": "Hello", "tokenId": 4521, "logProbability": -0.0012}
                ]
              }
            }
          ],
          "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 1}
        }
        """),
        "response",
    ),
    (
        "bedrock-converse",
        JSON,
        compact("""
        {
          "output": {"message": {"role": "assistant", "content": [{"text": "Of course."}]}},
          "stopReason": "max_tokens",
          "usage": {
            "inputTokens": 125,
            "outputTokens": 60,
            "totalTokens": 185,
            "cacheReadInputTokens": 0
          },
          "metrics": {"latencyMs": 1175}
        }
        """),
        "response",
    ),
    (
        "cohere-meta",
        JSON,
        compact("""
        {
          "id": "c14c80c3-18eb-4519-9460-6c92edd8cfb4",
          "finish_reason": "COMPLETE",
          "message": {"role": "assistant", "content": [{"type": "text", "text": "LLMs."}]},
          "usage": {
            "billed_units": {"input_tokens": 5, "output_tokens": 418},
            "tokens": {"input_tokens": 71, "output_tokens": 418}
          }
        }
        """),
        "response",
    ),
    (
        "openai-batch-counts",
        NDJSON,
        lines(
            """
            {"custom_id": "request-1", "method": "POST", "url": "/v1/chat/completions",
             "body": {"model": "gpt-4o-mini", "max_tokens": 1000,
                      "messages": [{"role": "user", "content": "What is an API key?"}]}}
            """,
            """
            {"custom_id": "request-2", "method": "POST", "url": "/v1/chat/completions",
             "body": {"model": "gpt-4o-mini", "max_tokens": 1000,
                      "messages": [{"role": "user", "content": "What is a bearer token?"}]}}
            """,
        ),
        "request",
    ),
    # Tokens that are pieces of words.
    (
        "openai-chat-logprobs",
        JSON,
        """\
{
  "id": "chatcmpl-123",
  "object": "chat.completion",
  "created": 1702685778,
  "model": "gpt-4o-mini",
  "choices": [
    {
      "index": 0,
      "message": {
        "role": "assistant",
        "content": "Hello!"
      },
      "logprobs": {
        "content": [
          {
            "token": "Hello",
            "logprob": -0.31725305,
            "bytes": [72, 101, 108, 108, 111],
            "top_logprobs": [
              {
                "token": "Hello",
                "logprob": -0.31725305,
                "bytes": [72, 101, 108, 108, 111]
              },
              {
                "token": "Hi",
                "logprob": -1.3190403,
                "bytes": [72, 105]
              }
            ]
          },
          {
            "token": "!",
            "logprob": -0.02380986,
            "bytes": [33],
            "top_logprobs": [
              {
                "token": "!",
                "logprob": -0.02380986,
                "bytes": [33]
              },
              {
                "token": " there",
                "logprob": -3.787621,
                "bytes": [32, 116, 104, 101, 114, 101]
              }
            ]
          }
        ],
        "refusal": null
      },
      "finish_reason": "stop"
    }
  ],
  "usage": {
    "prompt_tokens": 9,
    "completion_tokens": 9,
    "total_tokens": 18
  }
}
""",
        "response",
    ),
    (
        "openai-chat-logprobs-without-bytes",
        JSON,
        compact("""
        {
          "id": "chat-9a1b", "object": "chat.completion", "created": 1702685778,
          "model": "mistral-7b",
          "choices": [
            {
              "index": 0,
              "message": {"role": "assistant", "content": "Authentication"},
              "logprobs": {
                "content": [
                  {"token": "Auth", "logprob": -0.5, "bytes": null, "top_logprobs": []},
                  {"token": "entication", "logprob": -0.01, "bytes": null, "top_logprobs": []}
                ]
              },
              "finish_reason": "stop"
            }
          ]
        }
        """),
        "response",
    ),
    (
        "openai-chat-logprobs-streamed",
        EVENTS,
        events(
            """
            {"id": "chatcmpl-9", "object": "chat.completion.chunk", "created": 1702685778,
             "model": "gpt-4o", "choices": [{"index": 0, "delta": {"content": " password"},
             "logprobs": {"content": [{"token": " password", "logprob": -0.0004,
             "bytes": [32, 112, 97, 115, 115, 119, 111, 114, 100], "top_logprobs": []}]},
             "finish_reason": null}]}
            """,
            """
            {"id": "chatcmpl-9", "object": "chat.completion.chunk", "created": 1702685778,
             "model": "gpt-4o", "choices": [{"index": 0, "delta": {"content": " internationally"},
             "logprobs": {"content": [{"token": " internationally", "logprob": -2.5,
             "bytes": null, "top_logprobs": [{"token": " everywhere", "logprob": -2.6,
             "bytes": null}]}]}, "finish_reason": null}]}
            """,
        )
        + "data: [DONE]\n\n",
        "response",
    ),
    (
        "openai-completions-logprobs",
        JSON,
        """\
{
  "id": "cmpl-uqkvlQyYK7bGYrRHQ0eXlWi7",
  "object": "text_completion",
  "created": 1589478378,
  "model": "gpt-3.5-turbo-instruct",
  "choices": [
    {
      "text": " deep secret",
      "index": 0,
      "logprobs": {
        "tokens": [" deep", " secret"],
        "token_logprobs": [-0.5712, -1.0234],
        "top_logprobs": [
          {" deep": -0.5712, " dark": -1.9},
          {" secret": -1.0234, " token": -4.1}
        ],
        "text_offset": [10, 15]
      },
      "finish_reason": "length"
    }
  ],
  "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
}
""",
        "response",
    ),
    ("tokenized-into-pieces", JSON, '{"tokens": ["Hel", "lo", " world"]}', "response"),
    ("tokenized-into-ids", JSON, '{"tokens": [15339, 1917]}', "response"),
    (
        "cohere-tokenize",
        JSON,
        compact("""
        {
          "tokens": [10002, 2261, 2012, 8, 2792, 43],
          "token_strings": ["token", "ize", " me", "!", " :", "D"],
          "meta": {"api_version": {"version": "1"}}
        }
        """),
        "response",
    ),
    (
        "vllm-tokenize",
        JSON,
        compact("""
        {"count": 3, "max_model_len": 8192, "tokens": [1, 15043, 3186],
         "token_strs": ["<s>", "Hello", "world"]}
        """),
        "response",
    ),
    ("vllm-detokenize", JSON, '{"model":"meta-llama/Llama-3","tokens":[1,15043]}', "request"),
    (
        "llama-cpp-tokenize",
        JSON,
        compact(r"""
        {"tokens": [{"id": 198, "piece": "\n"}, {"id": 15496, "piece": "Hello"}]}
        """),
        "response",
    ),
    (
        "llama-cpp-probabilities",
        JSON,
        compact("""
        {
          "index": 0,
          "content": "Hel",
          "tokens": [],
          "id_slot": 0,
          "stop": true,
          "model": "llama-3.gguf",
          "tokens_predicted": 1,
          "tokens_evaluated": 8,
          "tokens_cached": 8,
          "stop_type": "limit",
          "timings": {"prompt_per_token_ms": 3.1, "predicted_per_token_ms": 12.2},
          "completion_probabilities": [
            {
              "id": 21692,
              "token": "Hel",
              "bytes": [72, 101, 108],
              "logprob": -0.25,
              "top_logprobs": [
                {"id": 21692, "token": "Hel", "bytes": [72, 101, 108], "logprob": -0.25}
              ]
            }
          ]
        }
        """),
        "response",
    ),
    (
        "tgi-stream",
        EVENTS,
        'data:{"index":0,"token":{"id":4560,"text":" deep","logprob":-0.1,"special":false},'
        '"generated_text":null,"details":null}\n\n'
        'data:{"index":1,"token":{"id":6975,"text":" learning","logprob":-0.03,"special":false},'
        '"generated_text":null,"details":null}\n\n'
        'data:{"index":2,"token":{"id":2,"text":"</s>","logprob":-1.2,"special":true},'
        '"generated_text":" deep learning","details":{"finish_reason":"eos_token",'
        '"generated_tokens":3,"input_length":7,"seed":null}}\n\n',
        "response",
    ),
    (
        "tgi-details",
        JSON,
        compact("""
        {
          "generated_text": " deep learning",
          "details": {
            "finish_reason": "length",
            "generated_tokens": 2,
            "seed": null,
            "prefill": [{"id": 1, "text": "<s>", "logprob": null}],
            "tokens": [
              {"id": 4560, "text": " deep", "logprob": -0.1, "special": false},
              {"id": 6975, "text": " learning", "logprob": -0.03, "special": false}
            ],
            "top_tokens": [[{"id": 4560, "text": " deep", "logprob": -0.1, "special": false}]]
          }
        }
        """),
        "response",
    ),
    (
        "hand-made-stream",
        EVENTS,
        'data: {"token": "Hel"}\n\ndata: {"token": "lo"}\n\ndata: {"token": " world"}\n\n'
        "data: [DONE]\n\n",
        "response",
    ),
    (
        "hand-made-stream-with-names",
        EVENTS,
        'event: token\ndata: {"token": "Your", "index": 0}\n\n'
        'event: token\ndata: {"token": " password", "index": 1}\n\n'
        'event: token\ndata: {"token": "?", "index": 2}\n\n'
        'event: end\ndata: {"tokens": 3}\n\n',
        "response",
    ),
    (
        "hand-made-stream-of-text",
        EVENTS,
        "data: How\n\ndata:  do I reset\n\ndata:  my password?\n\ndata: [DONE]\n\n",
        "response",
    ),
    (
        "langchain-stream",
        EVENTS,
        named_events(
            (
                "data",
                """
                {"event": "on_llm_new_token", "name": "ChatOpenAI", "tags": ["seq:step:2"],
                 "run_id": "0c1f3f5e-6f6c-4c36-9f14-0ab3f3a7e1a8", "data": {"chunk": " Hello"}}
                """,
            ),
            ("end", "{}"),
        ),
        "response",
    ),
    (
        "ollama-stream",
        NDJSON,
        lines(
            """
            {"model": "llama3.2", "created_at": "2023-08-04T08:52:19.385406455-07:00",
             "message": {"role": "assistant", "content": "The"}, "done": false}
            """,
            """
            {"model": "llama3.2", "created_at": "2023-08-04T19:22:45.499127Z",
             "message": {"role": "assistant", "content": ""}, "done": true,
             "total_duration": 4883583458, "load_duration": 1334875, "prompt_eval_count": 26,
             "prompt_eval_duration": 342546000, "eval_count": 282}
            """,
        ),
        "response",
    ),
    (
        "ollama-context",
        JSON,
        compact("""
        {
          "model": "llama3.2",
          "created_at": "2023-08-04T19:22:45.499127Z",
          "response": "The sky is blue because of Rayleigh scattering.",
          "done": true,
          "context": [1, 2, 3, 128006, 882, 128007, 271],
          "eval_count": 290,
          "options": {"num_ctx": 4096, "repeat_last_n": 64}
        }
        """),
        "response",
    ),
    (
        "whisper-segments",
        JSON,
        compact("""
        {
          "task": "transcribe",
          "language": "english",
          "duration": 8.47,
          "text": "Please say or enter your pin.",
          "segments": [
            {
              "id": 0,
              "seek": 0,
              "start": 0.0,
              "end": 3.32,
              "text": " Please say or enter your pin.",
              "tokens": [50364, 2555, 584, 420, 3242, 428, 5447, 13, 50530],
              "temperature": 0.0,
              "avg_logprob": -0.286,
              "compression_ratio": 1.236,
              "no_speech_prob": 0.00985
            }
          ]
        }
        """),
        "response",
    ),
    (
        "fill-mask",
        JSON,
        compact("""
        [
          {"sequence": "the goal of life is life.", "score": 0.109, "token": 2166,
           "token_str": "life"},
          {"sequence": "the goal of life is survival.", "score": 0.039, "token": 7691,
           "token_str": "survival"}
        ]
        """),
        "response",
    ),
    (
        "named-entities",
        JSON,
        compact("""
        [
          {"entity": "B-PER", "score": 0.9990, "index": 4, "word": "Sarah", "start": 11, "end": 16},
          {"entity": "B-ORG", "score": 0.9772, "index": 9, "word": "Token", "start": 30, "end": 35}
        ]
        """),
        "response",
    ),
    (
        "elasticsearch-analyze",
        JSON,
        compact("""
        {
          "tokens": [
            {"token": "quick", "start_offset": 4, "end_offset": 9, "type": "<ALPHANUM>",
             "position": 1},
            {"token": "authentication", "start_offset": 10, "end_offset": 24,
             "type": "<ALPHANUM>", "position": 2}
          ]
        }
        """),
        "response",
    ),
    (
        "spacy-document",
        JSON,
        compact("""
        {
          "text": "Reset my password",
          "ents": [],
          "sents": [{"start": 0, "end": 17}],
          "tokens": [
            {"id": 0, "start": 0, "end": 5, "tag": "VB", "pos": "VERB", "lemma": "reset",
             "dep": "ROOT", "head": 0},
            {"id": 1, "start": 6, "end": 8, "tag": "PRP$", "pos": "PRON", "lemma": "my",
             "dep": "poss", "head": 2},
            {"id": 2, "start": 9, "end": 17, "tag": "NN", "pos": "NOUN", "lemma": "password",
             "dep": "dobj", "head": 0}
          ]
        }
        """),
        "response",
    ),
    (
        "esprima-tokens",
        JSON,
        compact("""
        [
          {"type": "Keyword", "value": "const"},
          {"type": "Identifier", "value": "token"},
          {"type": "Punctuator", "value": "="},
          {"type": "Numeric", "value": "42"}
        ]
        """),
        "response",
    ),
    (
        "tokenizer-config",
        JSON,
        """\
{
  "add_bos_token": true,
  "add_eos_token": false,
  "added_tokens_decoder": {
    "0": {
      "content": "<unk>",
      "lstrip": false,
      "normalized": false,
      "rstrip": false,
      "single_word": false,
      "special": true
    }
  },
  "bos_token": "<s>",
  "clean_up_tokenization_spaces": false,
  "eos_token": "</s>",
  "model_max_length": 1000000000000000019884624838656,
  "pad_token": null,
  "sp_model_kwargs": {},
  "tokenizer_class": "LlamaTokenizer",
  "unk_token": "<unk>",
  "use_default_system_prompt": false
}
""",
        "response",
    ),
    (
        "special-tokens-map",
        JSON,
        """\
{
  "bos_token": {
    "content": "<|begin_of_text|>",
    "lstrip": false,
    "normalized": false,
    "rstrip": false,
    "single_word": false
  },
  "cls_token": "[CLS]",
  "eos_token": "<|eot_id|>",
  "mask_token": "[MASK]",
  "pad_token": "<pad>",
  "sep_token": "[SEP]"
}
""",
        "response",
    ),
    (
        "model-config",
        JSON,
        compact("""
        {
          "architectures": ["LlamaForCausalLM"],
          "bos_token_id": 128000,
          "eos_token_id": [128001, 128008, 128009],
          "pad_token_id": null,
          "hidden_size": 4096,
          "num_attention_heads": 32,
          "num_key_value_heads": 8,
          "torch_dtype": "bfloat16",
          "vocab_size": 128256
        }
        """),
        "response",
    ),
    (
        "chat-template",
        JSON,
        compact("""
        {
          "bos_token": "<s>",
          "eos_token": "<|im_end|>",
          "chat_template": "{{ bos_token }}{% for message in messages %}\
{{ message['content'] + eos_token }}\\n{% endfor %}"
        }
        """),
        "response",
    ),
    # JSON schemas, API descriptions and tool definitions: they describe secrets, and hold none.
    (
        "json-schema",
        "application/schema+json",
        """\
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "https://example.com/schemas/login.json",
  "title": "Login",
  "type": "object",
  "properties": {
    "username": {"type": "string", "maxLength": 150},
    "password": {
      "type": "string",
      "format": "password",
      "minLength": 8,
      "maxLength": 128,
      "description": "The user's password, at least 8 characters."
    },
    "otp": {"type": "string", "pattern": "^[0-9]{6}$"}
  },
  "required": ["username", "password"],
  "additionalProperties": false
}
""",
        "response",
    ),
    (
        "json-schema-of-secrets",
        JSON,
        compact("""
        {
          "type": "object",
          "properties": {
            "api_key": {"$ref": "#/$defs/SecretStr"},
            "client_secret": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": null},
            "access_token": {"type": ["string", "null"], "title": "Access Token"},
            "pin": {"type": "integer", "minimum": 0, "maximum": 9999},
            "card_number": {"type": "string", "minLength": 12, "maxLength": 19}
          },
          "$defs": {"SecretStr": {"type": "string", "format": "password", "writeOnly": true}}
        }
        """),
        "response",
    ),
    (
        "schema-with-examples-of-words",
        JSON,
        compact("""
        {
          "properties": {
            "token": {
              "type": "string",
              "title": "Token",
              "description": "The piece of text, as the tokenizer wrote it."
            },
            "tokens": {"type": "array", "items": {"type": "string"}},
            "password_strength": {"type": "string", "enum": ["weak", "fair", "strong"]}
          },
          "type": "object",
          "title": "Piece"
        }
        """),
        "response",
    ),
    (
        "pydantic-settings-schema",
        JSON,
        compact("""
        {
          "title": "Settings",
          "type": "object",
          "properties": {
            "database_password": {
              "title": "Database Password",
              "type": "string",
              "writeOnly": true,
              "format": "password",
              "env_names": ["app_database_password"]
            },
            "session_lifetime_s": {"title": "Session Lifetime S", "default": 3600,
                                   "type": "integer"}
          },
          "required": ["database_password"]
        }
        """),
        "response",
    ),
    (
        "openapi-security-schemes",
        "application/vnd.oai.openapi+json",
        compact("""
        {
          "openapi": "3.1.0",
          "info": {"title": "Accounts", "version": "1.4.0"},
          "paths": {
            "/auth/token": {
              "post": {
                "summary": "Issue a token",
                "operationId": "issue_token",
                "requestBody": {
                  "content": {
                    "application/x-www-form-urlencoded": {
                      "schema": {"$ref": "#/components/schemas/TokenRequest"}
                    }
                  },
                  "required": true
                },
                "responses": {"200": {"description": "A token."}}
              }
            },
            "/users/{id}/password": {
              "put": {
                "summary": "Change a password",
                "security": [{"bearerAuth": []}, {"api_key": []}],
                "responses": {"204": {"description": "Changed."}}
              }
            }
          },
          "components": {
            "schemas": {
              "TokenRequest": {
                "type": "object",
                "required": ["username", "password"],
                "properties": {
                  "grant_type": {"type": "string", "pattern": "password"},
                  "username": {"type": "string", "title": "Username"},
                  "password": {"type": "string", "title": "Password", "format": "password"},
                  "client_secret": {"type": "string", "title": "Client Secret"}
                }
              }
            },
            "securitySchemes": {
              "api_key": {"type": "apiKey", "name": "X-API-Key", "in": "header"},
              "bearerAuth": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
              "cookie": {"type": "apiKey", "in": "cookie", "name": "session_id"}
            }
          }
        }
        """),
        "response",
    ),
    (
        "openapi-fastapi",
        JSON,
        compact("""
        {
          "openapi": "3.1.0",
          "info": {"title": "FastAPI", "version": "0.1.0"},
          "paths": {
            "/token": {
              "post": {
                "summary": "Login",
                "operationId": "login_token_post",
                "requestBody": {
                  "content": {
                    "application/x-www-form-urlencoded": {
                      "schema": {"$ref": "#/components/schemas/Body_login_token_post"}
                    }
                  },
                  "required": true
                },
                "responses": {
                  "200": {"description": "Successful Response",
                          "content": {"application/json": {"schema": {}}}}
                }
              }
            }
          },
          "components": {
            "schemas": {
              "Body_login_token_post": {
                "properties": {
                  "grant_type": {
                    "anyOf": [{"type": "string", "pattern": "^password$"}, {"type": "null"}],
                    "title": "Grant Type"
                  },
                  "username": {"type": "string", "title": "Username"},
                  "password": {"type": "string", "title": "Password", "format": "password"},
                  "scope": {"type": "string", "title": "Scope", "default": ""},
                  "client_id": {"anyOf": [{"type": "string"}, {"type": "null"}],
                                "title": "Client Id"},
                  "client_secret": {"anyOf": [{"type": "string"}, {"type": "null"}],
                                    "title": "Client Secret", "format": "password"}
                },
                "type": "object",
                "required": ["username", "password"],
                "title": "Body_login_token_post"
              }
            },
            "securitySchemes": {
              "OAuth2PasswordBearer": {
                "type": "oauth2",
                "flows": {"password": {"scopes": {}, "tokenUrl": "token"}}
              }
            }
          }
        }
        """),
        "response",
    ),
    (
        "swagger-2",
        JSON,
        """\
{
  "swagger": "2.0",
  "info": {"title": "Petstore", "version": "1.0.7"},
  "basePath": "/v2",
  "paths": {
    "/user/login": {
      "get": {
        "operationId": "loginUser",
        "parameters": [
          {
            "name": "username",
            "in": "query",
            "description": "The user name for login",
            "required": true,
            "type": "string"
          },
          {
            "name": "password",
            "in": "query",
            "description": "The password for login in clear text",
            "required": true,
            "type": "string"
          }
        ],
        "responses": {"400": {"description": "Invalid username/password supplied"}}
      }
    }
  },
  "securityDefinitions": {
    "api_key": {"type": "apiKey", "name": "api_key", "in": "header"},
    "petstore_auth": {
      "type": "oauth2",
      "authorizationUrl": "https://petstore.swagger.io/oauth/authorize",
      "flow": "implicit",
      "scopes": {"read:pets": "read your pets", "write:pets": "modify pets in your account"}
    }
  }
}
""",
        "response",
    ),
    (
        "openapi-links",
        JSON,
        compact("""
        {
          "openapi": "3.0.3",
          "paths": {
            "/tokens/{token_id}": {
              "parameters": [
                {"name": "token_id", "in": "path", "required": true,
                 "schema": {"type": "integer"}}
              ],
              "delete": {
                "tags": ["tokens"],
                "security": [{"BearerToken": ["tokens:write"]}],
                "responses": {"404": {"description": "No such token"}}
              }
            }
          },
          "components": {
            "securitySchemes": {
              "BearerToken": {"type": "http", "scheme": "bearer",
                              "description": "A token from /auth/token."},
              "oidc": {"type": "openIdConnect",
                       "openIdConnectUrl": "https://id.example.com/openid-configuration"}
            }
          }
        }
        """),
        "response",
    ),
    (
        "asyncapi",
        JSON,
        compact("""
        {
          "asyncapi": "3.0.0",
          "info": {"title": "Account events", "version": "1.0.0"},
          "servers": {
            "production": {"host": "kafka.example.com:9092", "protocol": "kafka-secure",
                           "security": [{"$ref": "#/components/securitySchemes/userPassword"}]}
          },
          "channels": {"password.changed": {"address": "account.password.changed"}},
          "components": {
            "securitySchemes": {
              "userPassword": {"type": "userPassword", "description": "SASL/PLAIN"},
              "clientCredentials": {"type": "X509"}
            }
          }
        }
        """),
        "response",
    ),
    (
        "openai-tool-with-api-key",
        JSON,
        compact("""
        {
          "model": "gpt-4.1",
          "messages": [{"role": "user", "content": "Connect my weather account."}],
          "tools": [
            {
              "type": "function",
              "function": {
                "name": "connect_account",
                "description": "Connect an account of a weather service.",
                "parameters": {
                  "type": "object",
                  "properties": {
                    "service": {"type": "string", "enum": ["openweather", "meteoblue"]},
                    "api_key": {
                      "type": "string",
                      "description": "The user's API key of the service."
                    }
                  },
                  "required": ["service", "api_key"],
                  "additionalProperties": false
                },
                "strict": true
              }
            }
          ],
          "tool_choice": "auto"
        }
        """),
        "request",
    ),
    (
        "openai-responses-tool",
        JSON,
        compact("""
        {
          "model": "gpt-4.1",
          "input": "Make a token for CI.",
          "tools": [
            {
              "type": "function",
              "name": "create_token",
              "description": "Create an access token.",
              "parameters": {
                "type": "object",
                "properties": {
                  "token_name": {"type": "string"},
                  "password": {"type": ["string", "null"], "description": "Asked once more."},
                  "scopes": {"type": "array", "items": {"type": "string"}}
                },
                "required": ["token_name", "password", "scopes"],
                "additionalProperties": false
              },
              "strict": true
            }
          ],
          "max_output_tokens": 512
        }
        """),
        "request",
    ),
    (
        "openai-tool-call",
        JSON,
        """\
{
  "id": "chatcmpl-abc123",
  "object": "chat.completion",
  "created": 1699896916,
  "model": "gpt-4o-mini",
  "choices": [
    {
      "index": 0,
      "message": {
        "role": "assistant",
        "content": null,
        "tool_calls": [
          {
            "id": "call_abc123",
            "type": "function",
            "function": {
              "name": "start_password_reset",
              "arguments": "{\\n\\"email\\": \\"jane@example.com\\", \\"password\\": null\\n}"
            }
          }
        ]
      },
      "logprobs": null,
      "finish_reason": "tool_calls"
    }
  ],
  "usage": {
    "prompt_tokens": 82,
    "completion_tokens": 17,
    "total_tokens": 99
  }
}
""",
        "response",
    ),
    (
        "openai-structured-output",
        JSON,
        compact("""
        {
          "model": "gpt-4o-2024-08-06",
          "messages": [{"role": "user", "content": "Which fields does the form have?"}],
          "response_format": {
            "type": "json_schema",
            "json_schema": {
              "name": "form",
              "strict": true,
              "schema": {
                "type": "object",
                "properties": {
                  "has_password": {"type": "boolean"},
                  "token": {"type": "object", "properties": {"text": {"type": "string"}}},
                  "secret": {"type": "boolean"}
                },
                "required": ["has_password", "token", "secret"],
                "additionalProperties": false
              }
            }
          }
        }
        """),
        "request",
    ),
    (
        "anthropic-tool",
        JSON,
        compact("""
        {
          "model": "claude-sonnet-4-5",
          "max_tokens": 1024,
          "tools": [
            {
              "name": "open_vault",
              "description": "Open the vault of a user.",
              "input_schema": {
                "type": "object",
                "properties": {
                  "user": {"type": "string"},
                  "passphrase": {"type": "string", "description": "What opens the vault."}
                },
                "required": ["user", "passphrase"]
              }
            }
          ],
          "messages": [{"role": "user", "content": "Open my vault."}]
        }
        """),
        "request",
    ),
    (
        "anthropic-tool-use",
        JSON,
        compact("""
        {
          "id": "msg_01Aq9w938a90dw8q",
          "type": "message",
          "role": "assistant",
          "model": "claude-sonnet-4-5",
          "stop_reason": "tool_use",
          "content": [
            {"type": "text", "text": "I'll look up how tokens are refreshed."},
            {"type": "tool_use", "id": "toolu_01A09q90qw90lq917835lq9", "name": "search_docs",
             "input": {"query": "refresh token", "max_tokens": 800}}
          ],
          "usage": {"input_tokens": 472, "output_tokens": 61}
        }
        """),
        "response",
    ),
    (
        "gemini-function-declarations",
        JSON,
        compact("""
        {
          "contents": [{"role": "user", "parts": [{"text": "Log me in."}]}],
          "tools": [
            {
              "functionDeclarations": [
                {
                  "name": "log_in",
                  "description": "Logs a user in.",
                  "parameters": {
                    "type": "OBJECT",
                    "properties": {
                      "user": {"type": "STRING"},
                      "password": {"type": "STRING", "description": "Typed by the user."}
                    },
                    "required": ["user", "password"]
                  }
                }
              ]
            }
          ]
        }
        """),
        "request",
    ),
    (
        "mcp-tools-list",
        JSON,
        compact("""
        {
          "jsonrpc": "2.0",
          "id": 1,
          "result": {
            "tools": [
              {
                "name": "create_gist",
                "title": "Create a gist",
                "description": "Creates a gist; it is secret unless said otherwise.",
                "inputSchema": {
                  "type": "object",
                  "properties": {
                    "content": {"type": "string"},
                    "secret": {"type": "boolean", "default": true},
                    "access_token": {"type": "string", "description": "Token of the caller"}
                  },
                  "required": ["content"],
                  "$schema": "http://json-schema.org/draft-07/schema#"
                },
                "annotations": {"readOnlyHint": false}
              }
            ]
          }
        }
        """),
        "response",
    ),
    (
        "mcp-tools-list-streamed",
        EVENTS,
        named_events(
            (
                "message",
                """
                {"jsonrpc": "2.0", "id": 2, "result": {"tools": [{"name": "login",
                 "inputSchema": {"type": "object", "properties": {"password":
                 {"type": "string"}, "otp": {"type": "string"}}}}]}}
                """,
            ),
        ),
        "response",
    ),
    (
        "mcp-elicitation",
        JSON,
        compact("""
        {
          "jsonrpc": "2.0",
          "id": 5,
          "method": "elicitation/create",
          "params": {
            "message": "Which session shall I resume?",
            "requestedSchema": {
              "type": "object",
              "properties": {
                "session": {"type": "string", "enum": ["monday", "tuesday"]},
                "keep_token": {"type": "boolean", "title": "Keep the token"}
              },
              "required": ["session"]
            }
          }
        }
        """),
        "response",
    ),
    (
        "mcp-error",
        JSON,
        compact("""
        {
          "jsonrpc": "2.0",
          "id": 4,
          "error": {"code": -32602, "message": "Unknown tool: rotate_secret"}
        }
        """),
        "response",
    ),
    (
        "form-definition",
        JSON,
        compact("""
        {
          "form": "login",
          "fields": [
            {"name": "email", "type": "email", "label": "Email", "required": true},
            {"name": "password", "type": "password", "label": "Password", "required": true,
             "autocomplete": "current-password"},
            {"name": "pin", "type": "number", "label": "PIN", "required": false}
          ],
          "submit": "Sign in"
        }
        """),
        "response",
    ),
    (
        "drf-options",
        JSON,
        compact("""
        {
          "name": "User List",
          "description": "",
          "renders": ["application/json", "text/html"],
          "parses": ["application/json"],
          "actions": {
            "POST": {
              "username": {"type": "string", "required": true, "read_only": false,
                           "label": "Username", "max_length": 150},
              "password": {"type": "string", "required": true, "read_only": false,
                           "label": "Password", "max_length": 128},
              "auth_token": {"type": "field", "required": false, "read_only": true,
                             "label": "Auth token"}
            }
          }
        }
        """),
        "response",
    ),
    (
        "elasticsearch-mapping",
        JSON,
        compact("""
        {
          "users": {
            "mappings": {
              "properties": {
                "username": {"type": "keyword"},
                "password": {"type": "keyword", "index": false},
                "session_id": {"type": "keyword", "ignore_above": 256},
                "token": {"type": "text", "analyzer": "standard"}
              }
            }
          }
        }
        """),
        "response",
    ),
    (
        "bigquery-schema",
        JSON,
        compact("""
        {
          "kind": "bigquery#table",
          "schema": {
            "fields": [
              {"name": "user_id", "type": "INTEGER", "mode": "REQUIRED"},
              {"name": "password_hash", "type": "BYTES", "mode": "NULLABLE"},
              {"name": "token", "type": "STRING", "description": "The word, lower case"}
            ]
          },
          "numRows": "1204"
        }
        """),
        "response",
    ),
    (
        "avro-schema",
        "application/vnd.schemaregistry.v1+json",
        json.dumps(
            {
                "schema": '{"type":"record","name":"Login","fields":[{"name":"user",'
                '"type":"string"},{"name":"token","type":["null","string"],"default":null}]}'
            }
        ),
        "request",
    ),
    (
        "kubernetes-crd",
        JSON,
        compact("""
        {
          "apiVersion": "apiextensions.k8s.io/v1",
          "kind": "CustomResourceDefinition",
          "metadata": {"name": "databases.example.com"},
          "spec": {
            "group": "example.com",
            "versions": [
              {
                "name": "v1",
                "served": true,
                "storage": true,
                "schema": {
                  "openAPIV3Schema": {
                    "type": "object",
                    "properties": {
                      "passwordSecretRef": {
                        "type": "object",
                        "description": "Where the password is.",
                        "properties": {"name": {"type": "string"}, "key": {"type": "string"}}
                      }
                    }
                  }
                }
              }
            ]
          }
        }
        """),
        "response",
    ),
    (
        "html-schema-org",
        "application/ld+json",
        compact("""
        {
          "@context": "https://schema.org",
          "@type": "FAQPage",
          "mainEntity": [
            {
              "@type": "Question",
              "name": "How do I change my password?",
              "acceptedAnswer": {"@type": "Answer", "text": "Open Settings, then Password."}
            }
          ]
        }
        """),
        "response",
    ),
    # Validation errors: prose under the name of the field that is wrong.
    ("drf-required", JSON, '{"password":["This field is required."]}', "response"),
    (
        "drf-several",
        JSON,
        compact("""
        {
          "new_password": [
            "This password is too short. It must contain at least 8 characters.",
            "This password is too common.",
            "This password is entirely numeric."
          ],
          "token": ["Invalid value."],
          "non_field_errors": ["Unable to log in with provided credentials."]
        }
        """),
        "response",
    ),
    ("drf-detail", JSON, '{"detail":"Invalid token."}', "response"),
    (
        "drf-not-authenticated",
        JSON,
        '{"detail":"Authentication credentials were not provided."}',
        "response",
    ),
    (
        "simplejwt-invalid",
        JSON,
        compact("""
        {
          "detail": "Given token not valid for any token type",
          "code": "token_not_valid",
          "messages": [
            {"token_class": "AccessToken", "token_type": "access",
             "message": "Token is invalid or expired"}
          ]
        }
        """),
        "response",
    ),
    (
        "django-form-errors",
        JSON,
        compact("""
        {
          "password2": [
            {"message": "The two password fields didn’t match.", "code": "password_mismatch"}
          ]
        }
        """),
        "response",
    ),
    (
        "fastapi-missing",
        JSON,
        compact("""
        {
          "detail": [
            {"type": "missing", "loc": ["body", "password"], "msg": "Field required",
             "input": {"username": "jane"}}
          ]
        }
        """),
        "response",
    ),
    (
        "fastapi-missing-key",
        JSON,
        compact("""
        {
          "detail": [
            {"type": "missing", "loc": ["header", "x-api-key"], "msg": "Field required",
             "input": null},
            {"type": "int_parsing", "loc": ["query", "max_tokens"],
             "msg": "Input should be a valid integer, unable to parse string as an integer",
             "input": "many"}
          ]
        }
        """),
        "response",
    ),
    (
        "pydantic-too-short",
        JSON,
        compact("""
        {
          "detail": [
            {"type": "string_too_short", "loc": ["body", "password"],
             "msg": "String should have at least 8 characters", "input": "",
             "ctx": {"min_length": 8}}
          ]
        }
        """),
        "response",
    ),
    (
        "rails-errors",
        JSON,
        compact("""
        {
          "errors": {
            "password": ["can't be blank", "is too short (minimum is 8 characters)"],
            "reset_password_token": ["is invalid"]
          }
        }
        """),
        "response",
    ),
    (
        "laravel-errors",
        JSON,
        compact("""
        {
          "message": "The password field is required. (and 1 more error)",
          "errors": {
            "password": ["The password field is required."],
            "token": ["The token field must be a string."]
          }
        }
        """),
        "response",
    ),
    (
        "aspnet-errors",
        PROBLEM,
        compact("""
        {
          "type": "https://tools.ietf.org/html/rfc9110#section-15.5.1",
          "title": "One or more validation errors occurred.",
          "status": 400,
          "errors": {
            "Password": ["The Password field is required."],
            "ConfirmPassword": ["'Confirm Password' and 'Password' do not match."]
          },
          "traceId": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
        }
        """),
        "response",
    ),
    (
        "nestjs-errors",
        JSON,
        compact("""
        {
          "statusCode": 400,
          "message": [
            "password must be longer than or equal to 8 characters",
            "token should not be empty"
          ],
          "error": "Bad Request"
        }
        """),
        "response",
    ),
    (
        "zod-errors",
        JSON,
        compact("""
        {
          "success": false,
          "error": {
            "name": "ZodError",
            "issues": [
              {"code": "too_small", "minimum": 8, "type": "string", "inclusive": true,
               "exact": false, "message": "String must contain at least 8 character(s)",
               "path": ["password"]}
            ]
          }
        }
        """),
        "response",
    ),
    (
        "spring-errors",
        JSON,
        compact("""
        {
          "timestamp": "2026-01-31T12:00:00.000+00:00",
          "status": 400,
          "error": "Bad Request",
          "errors": [
            {"objectName": "loginRequest", "field": "password", "rejectedValue": null,
             "code": "NotBlank", "defaultMessage": "must not be blank"}
          ],
          "path": "/api/auth/login"
        }
        """),
        "response",
    ),
    (
        "json-api-errors",
        "application/vnd.api+json",
        compact("""
        {
          "errors": [
            {
              "status": "422",
              "code": "too_short",
              "source": {"pointer": "/data/attributes/password"},
              "title": "Invalid Attribute",
              "detail": "Password must be at least 12 characters"
            }
          ]
        }
        """),
        "response",
    ),
    (
        "problem",
        PROBLEM,
        compact("""
        {
          "type": "https://api.example.com/problems/token-expired",
          "title": "Token expired",
          "status": 401,
          "detail": "The access token expired 5 minutes ago; ask for a new one.",
          "instance": "/orders/4711"
        }
        """),
        "response",
    ),
    (
        "problem-with-parameters",
        PROBLEM,
        compact("""
        {
          "type": "about:blank",
          "title": "Unprocessable Content",
          "status": 422,
          "invalid-params": [
            {"name": "password", "reason": "must contain a digit"},
            {"name": "card_number", "reason": "must have 12 to 19 digits"}
          ]
        }
        """),
        "response",
    ),
    (
        "firebase-error",
        JSON,
        """\
{
  "error": {
    "code": 400,
    "message": "INVALID_PASSWORD",
    "errors": [
      {
        "message": "INVALID_PASSWORD",
        "domain": "global",
        "reason": "invalid"
      }
    ]
  }
}
""",
        "response",
    ),
    (
        "weak-password",
        JSON,
        compact("""
        {
          "code": 422,
          "error_code": "weak_password",
          "msg": "Password should be at least 6 characters.",
          "weak_password": {"reasons": ["length"]}
        }
        """),
        "response",
    ),
    # What APIs answer about tokens and keys.
    (
        "oauth-invalid-token",
        JSON,
        '{"error":"invalid_token","error_description":"The access token expired"}',
        "response",
    ),
    (
        "oauth-invalid-grant",
        JSON,
        compact("""
        {
          "error": "invalid_grant",
          "error_description": "The provided authorization code or refresh token is invalid",
          "error_uri": "https://docs.example.com/oauth/errors#invalid_grant"
        }
        """),
        "response",
    ),
    (
        "oauth-authorization-pending",
        JSON,
        '{"error":"authorization_pending","interval":5}',
        "response",
    ),
    (
        "entra-error",
        JSON,
        compact("""
        {
          "error": "invalid_client",
          "error_description": "AADSTS7000215: Invalid client secret provided. \
Ensure the secret being sent in the request is the client secret value, not the client secret ID.",
          "error_codes": [7000215],
          "timestamp": "2026-01-31 12:00:00Z",
          "trace_id": "0af76519-16cd-43dd-8448-eb211c803190",
          "correlation_id": "b7ad6b71-6920-4333-9a6d-0d5b1f9a1c11"
        }
        """),
        "response",
    ),
    (
        "oidc-discovery",
        JSON,
        """\
{
  "issuer": "https://accounts.google.com",
  "authorization_endpoint": "https://accounts.google.com/o/oauth2/v2/auth",
  "device_authorization_endpoint": "https://oauth2.googleapis.com/device/code",
  "token_endpoint": "https://oauth2.googleapis.com/token",
  "userinfo_endpoint": "https://openidconnect.googleapis.com/v1/userinfo",
  "revocation_endpoint": "https://oauth2.googleapis.com/revoke",
  "jwks_uri": "https://www.googleapis.com/oauth2/v3/certs",
  "response_types_supported": ["code", "token", "id_token", "code token", "none"],
  "subject_types_supported": ["public"],
  "id_token_signing_alg_values_supported": ["RS256"],
  "scopes_supported": ["openid", "email", "profile"],
  "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
  "claims_supported": ["aud", "email", "exp", "iat", "iss", "name", "sub"],
  "code_challenge_methods_supported": ["plain", "S256"],
  "grant_types_supported": ["authorization_code", "refresh_token"]
}
""",
        "response",
    ),
    (
        "oauth-server-metadata",
        JSON,
        compact("""
        {
          "issuer": "https://mcp.example.com",
          "authorization_endpoint": "https://mcp.example.com/authorize",
          "token_endpoint": "https://mcp.example.com/token",
          "registration_endpoint": "https://mcp.example.com/register",
          "introspection_endpoint": "https://mcp.example.com/introspect",
          "introspection_endpoint_auth_methods_supported": ["client_secret_basic",
                                                            "private_key_jwt"],
          "token_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256"],
          "tls_client_certificate_bound_access_tokens": true
        }
        """),
        "response",
    ),
    (
        "oauth-protected-resource",
        JSON,
        compact("""
        {
          "resource": "https://api.example.com/mcp",
          "authorization_servers": ["https://id.example.com"],
          "bearer_methods_supported": ["header"],
          "scopes_supported": ["tools:read"]
        }
        """),
        "response",
    ),
    (
        "userinfo",
        JSON,
        compact("""
        {
          "sub": "248289761001",
          "name": "Jane Doe",
          "preferred_username": "j.doe",
          "email": "janedoe@example.com",
          "email_verified": true,
          "amr": ["pwd", "otp"],
          "picture": "https://example.com/janedoe/me.jpg"
        }
        """),
        "response",
    ),
    (
        "openai-no-key",
        JSON,
        """\
{
    "error": {
        "message": "You didn't provide an API key. You need to provide your API key in an \
Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password \
field (with blank username) if you're accessing the API from your browser and are prompted for a \
username and password.",
        "type": "invalid_request_error",
        "param": null,
        "code": null
    }
}
""",
        "response",
    ),
    (
        "openai-context-length",
        JSON,
        compact("""
        {
          "error": {
            "message": "This model's maximum context length is 4097 tokens. However, you \
requested 4927 tokens (3927 in the messages, 1000 in the completion). Please reduce the length.",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded"
          }
        }
        """),
        "response",
    ),
    (
        "openai-rate-limit",
        JSON,
        compact("""
        {
          "error": {
            "message": "Rate limit reached for gpt-4o in organization org-123 on tokens \
per min (TPM): Limit 30000, Used 29500, Requested 1200. Please try again in 1.4s.",
            "type": "tokens",
            "param": null,
            "code": "rate_limit_exceeded"
          }
        }
        """),
        "response",
    ),
    (
        "anthropic-auth-error",
        JSON,
        compact("""
        {
          "type": "error",
          "error": {"type": "authentication_error", "message": "invalid x-api-key"},
          "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"
        }
        """),
        "response",
    ),
    (
        "gemini-bad-key",
        JSON,
        """\
{
  "error": {
    "code": 400,
    "message": "API key not valid. Please pass a valid API key.",
    "status": "INVALID_ARGUMENT",
    "details": [
      {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {
          "service": "generativelanguage.googleapis.com"
        }
      }
    ]
  }
}
""",
        "response",
    ),
    (
        "github-bad-credentials",
        "application/json; charset=utf-8",
        """\
{
  "message": "Bad credentials",
  "documentation_url": "https://docs.github.com/rest",
  "status": "401"
}
""",
        "response",
    ),
    (
        "slack-error",
        JSON,
        '{"ok":false,"error":"token_revoked"}',
        "response",
    ),
    (
        "stripe-no-key",
        JSON,
        """\
{
  "error": {
    "message": "You did not provide an API key. You need to provide your API key in the \
Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See \
https://stripe.com/docs/api#authentication for details, or we can help at \
https://support.stripe.com/.",
    "type": "invalid_request_error"
  }
}
""",
        "response",
    ),
    (
        "stripe-card-declined",
        JSON,
        """\
{
  "error": {
    "code": "incorrect_cvc",
    "decline_code": "incorrect_cvc",
    "doc_url": "https://stripe.com/docs/error-codes/incorrect-cvc",
    "message": "Your card's security code is incorrect.",
    "param": "cvc",
    "type": "card_error"
  }
}
""",
        "response",
    ),
    (
        "aws-expired-token",
        JSON,
        compact("""
        {
          "__type": "com.amazon.coral.service#ExpiredTokenException",
          "message": "The security token included in the request is expired"
        }
        """),
        "response",
    ),
    (
        "health",
        "application/health+json",
        compact("""
        {
          "status": "pass",
          "version": "1",
          "releaseId": "1.2.2",
          "checks": {
            "auth:responseTime": [
              {"componentType": "component", "observedValue": 12, "observedUnit": "ms",
               "status": "pass"}
            ]
          }
        }
        """),
        "response",
    ),
    (
        "kubernetes-access-review",
        JSON,
        compact("""
        {
          "kind": "SelfSubjectAccessReview",
          "apiVersion": "authorization.k8s.io/v1",
          "metadata": {"creationTimestamp": null},
          "spec": {
            "resourceAttributes": {"namespace": "shop", "verb": "get", "resource": "secrets"}
          },
          "status": {"allowed": false, "reason": "no RBAC policy matched"}
        }
        """),
        "response",
    ),
    # Prose, messages and log lines.
    ("token-validation-failed", PLAIN, "Token validation failed for user 7", "response"),
    ("basic-authentication", PLAIN, "Basic authentication is required", "response"),
    ("bearer-authentication", PLAIN, "Bearer authentication is not supported here.", "response"),
    ("digest-authentication", PLAIN, "Digest authentication failed: stale nonce", "response"),
    ("negotiate", PLAIN, "Negotiate authentication needs a keytab\n", "response"),
    ("password-length", PLAIN, "Password must be at least 12 characters", "response"),
    (
        "duplicate-key",
        PLAIN,
        'duplicate key value violates unique constraint "pk_user_accounts"\n'
        "DETAIL:  Key (email)=(jane@example.com) already exists.",
        "response",
    ),
    ("primary-key", PLAIN, "pk_orders_customer_id is a primary key", "response"),
    ("sk-learn", PLAIN, "sk_learn pipeline", "response"),
    (
        "hyphens",
        PLAIN,
        "risk-adjusted task-notification desk-report, disk-encryption, ask-me-anything",
        "response",
    ),
    ("runge-kutta", PLAIN, "rk_integrator_steps must be positive, got -1", "response"),
    ("max-token-reached", PLAIN, "max_token=4096 reached", "response"),
    ("address-with-at", PLAIN, "see https://h:8080/a@b", "response"),
    (
        "address-with-port-and-query",
        PLAIN,
        "GET https://api.example.com:8443/users?email=jane@example.com took 12 ms",
        "response",
    ),
    (
        "profile-address",
        PLAIN,
        "Follow us: https://social.example.com:443/@jane and https://medium.com/@jane",
        "response",
    ),
    ("git-over-ssh", PLAIN, "git clone git@github.com:x/y", "request"),
    ("ssh-address", PLAIN, "remote: ssh://git@github.com:22/acme/shop.git", "response"),
    (
        "addresses-without-passwords",
        PLAIN,
        "postgresql://app@db:5432/shop redis://cache:6379/0 amqp://guest@mq http://[::1]:8080/",
        "response",
    ),
    ("ingredients", PLAIN, "the secret: ingredients are flour, butter and patience", "response"),
    ("expired-yesterday", PLAIN, "Token: expired yesterday", "response"),
    ("credential-none", PLAIN, "credential = None", "response"),
    ("password-optional", PLAIN, "password: optional", "response"),
    ("access-key-missing", PLAIN, "access_key: missing", "response"),
    ("bad-news", PLAIN, "bearer of bad news nonetheless", "response"),
    ("token-refreshed", PLAIN, "token refreshed successfully", "response"),
    ("basic-words", PLAIN, "Basic understanding of tokens recommended", "response"),
    (
        "basic-constraints",
        PLAIN,
        "X509v3 Basic Constraints: critical\n    CA:FALSE\nX509v3 Key Usage: Digital Signature\n",
        "response",
    ),
    (
        "challenge-basic",
        PLAIN,
        'WWW-Authenticate: Basic realm="Access to the staging site", charset="UTF-8"',
        "response",
    ),
    (
        "challenge-bearer",
        PLAIN,
        'WWW-Authenticate: Bearer error="invalid_token", '
        'resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"',
        "response",
    ),
    (
        "challenge-bearer-address",
        PLAIN,
        'Bearer authorization_uri="https://login.example.com/authorize", '
        'error="insufficient_claims"',
        "response",
    ),
    ("csrf-missing", PLAIN, "CSRF token: missing or incorrect. Request aborted.", "response"),
    (
        "unexpected-token",
        PLAIN,
        "SyntaxError: Unexpected token } in JSON at position 42",
        "response",
    ),
    (
        "unexpected-token-name",
        PLAIN,
        "Unexpected token: name (foo) at line 3, column 7",
        "response",
    ),
    (
        "unexpected-token-of-yaml",
        PLAIN,
        "while scanning for the next token\nfound character '\\t' that cannot start any token",
        "response",
    ),
    (
        "missing-argument",
        PLAIN,
        "TypeError: connect() missing 1 required keyword-only argument: 'password'",
        "response",
    ),
    ("key-error", PLAIN, "KeyError: 'API_KEY'", "response"),
    (
        "improperly-configured",
        PLAIN,
        "django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.",
        "response",
    ),
    (
        "settings-missing",
        PLAIN,
        "2 validation errors for Settings\n"
        "api_key\n  Field required [type=missing, input_value={}, input_type=dict]\n"
        "secret_key\n  Field required [type=missing, input_value={}, input_type=dict]\n",
        "response",
    ),
    (
        "postgres-authentication",
        PLAIN,
        'FATAL:  password authentication failed for user "app"\n'
        'connection to server at "db" (10.0.0.5), port 5432 failed: '
        "fe_sendauth: no password supplied",
        "response",
    ),
    (
        "mysql-access-denied",
        PLAIN,
        "(1045, \"Access denied for user 'app'@'10.0.0.7' (using password: YES)\")",
        "response",
    ),
    (
        "sqlite-constraint",
        PLAIN,
        "sqlite3.IntegrityError: NOT NULL constraint failed: users.password",
        "response",
    ),
    (
        "redis-no-auth",
        PLAIN,
        "-NOAUTH Authentication required.\r\n"
        "-WRONGPASS invalid username-password pair or user is disabled.\r\n",
        "response",
    ),
    (
        "sshd-log",
        PLAIN,
        "Jan 31 12:00:00 web1 sshd[4711]: Failed password for invalid user admin "
        "from 203.0.113.7 port 52144 ssh2\n",
        "response",
    ),
    (
        "python-traceback",
        PLAIN,
        """\
Traceback (most recent call last):
  File "/srv/app/auth/tokens.py", line 42, in verify_token
    payload = decode(token, key=public_key, algorithms=["RS256"])
  File "/srv/app/.venv/lib/python3.12/site-packages/jwt/api_jwt.py", line 210, in decode
    decoded = self.decode_complete(jwt, key, algorithms)
jwt.exceptions.ExpiredSignatureError: Signature has expired
""",
        "response",
    ),
    (
        "java-stack-trace",
        PLAIN,
        """\
org.springframework.security.authentication.BadCredentialsException: Bad credentials
\tat org.springframework.security.authentication.dao.DaoAuthenticationProvider\
.additionalAuthenticationChecks(DaoAuthenticationProvider.java:141)
\tat com.example.shop.auth.PasswordController.change(PasswordController.java:57)
\tat java.base/java.lang.Thread.run(Thread.java:1583)
""",
        "response",
    ),
    (
        "node-stack-trace",
        PLAIN,
        """\
TokenExpiredError: jwt expired
    at /srv/app/node_modules/jsonwebtoken/verify.js:190:21
    at getSecret (/srv/app/node_modules/jsonwebtoken/verify.js:97:14)
    at module.exports [as verify] (/srv/app/node_modules/jsonwebtoken/verify.js:101:10)
    at requireAuth (/srv/app/src/middleware/auth.js:14:25)
""",
        "response",
    ),
    (
        "go-error",
        PLAIN,
        "auth: verify token: jwt: exp not satisfied (key id 2026-01)\n",
        "response",
    ),
    (
        "logfmt",
        PLAIN,
        'level=info msg="user logged in" duration=12ms user_id=7 session_count=3\n'
        'level=warn msg="password reset requested" attempts=2 ip=203.0.113.7\n'
        'level=info msg="token cache" token_count=31 hit=true key=user:7\n',
        "response",
    ),
    (
        "logfmt-of-auth",
        PLAIN,
        "ts=2026-01-31T12:00:00.000Z caller=auth.go:42 level=debug component=token-refresher "
        'msg="next refresh" in=55m0s\n',
        "response",
    ),
    (
        "access-log",
        PLAIN,
        '203.0.113.7 - jane [31/Jan/2026:12:00:00 +0000] "POST /auth/token HTTP/1.1" 401 58 '
        '"https://app.example.com/login" "Mozilla/5.0"\n'
        '203.0.113.7 - - [31/Jan/2026:12:00:01 +0000] "GET /password/reset HTTP/2.0" 200 4711\n',
        "response",
    ),
    (
        "text-log",
        PLAIN,
        "2026-01-31 12:00:00,123 INFO  auth.session: 3 sessions expired, 0 tokens revoked\n"
        "2026-01-31 12:00:01,456 ERROR auth.password: hashing took 412 ms (argon2id, t=3)\n",
        "response",
    ),
    (
        "changelog",
        "text/markdown; charset=utf-8",
        """\
# 2.4.0 (2026-01-31)

- **auth:** the access token is refreshed 60 s before it expires (#4711)
- **password reset:** the page says which passwords are too short
- `token`: new option `--max-token-age`, default `3600`
- Secret: Santa is back!
- Fixed: `pin` and `code` were mixed up in the card view
""",
        "response",
    ),
    (
        "readme",
        "text/markdown; charset=utf-8",
        """\
## Authentication

Every request needs a bearer token in the header `Authorization`. Create one under
*Settings → Tokens*. A token is shown once; keep it secret.

| name | type | required |
|---|---|---|
| `password` | string | yes |
| `token` | string | no |
| `api_key` | string | no |
""",
        "response",
    ),
    (
        "table-of-options",
        PLAIN,
        """\
Usage: deployctl login [OPTIONS]

Options:
  --token TEXT            Access token. [env var: DEPLOY_TOKEN]
  --password-stdin        Read the password from standard input.
  --api-key-file PATH     File with the API key.
  --secret / --no-secret  Whether the gist is secret. [default: no-secret]
""",
        "response",
    ),
    (
        "slug",
        PLAIN,
        "/posts/you-know-you-love-me-xoxo-gossip-girl",
        "response",
    ),
    (
        "german-help",
        PLAIN,
        "Passwort vergessen? Das Token ist abgelaufen; bitte melden Sie sich neu an.",
        "response",
    ),
    (
        "names-of-secrets",
        PLAIN,
        "the secret names are DB_PASSWORD, API_KEY and SESSION_SECRET; none has a value yet",
        "response",
    ),
    ("tokens-per-second", PLAIN, "eval rate: 48.13 tokens/s, total tokens: 1290", "response"),
    ("token-of-appreciation", PLAIN, "a small token of our appreciation", "response"),
    ("pin-the-card", PLAIN, "Pin the card: drag it to the top. Code: see below.", "response"),
    (
        "session-times",
        PLAIN,
        "Session 3: Auth for everyone, room B, 14:00. Key: bring your own laptop.",
        "response",
    ),
    (
        "prometheus",
        METRICS,
        """\
# HELP http_requests_total Requests by path and status code.
# TYPE http_requests_total counter
http_requests_total{code="200",path="/auth/token"} 1027
http_requests_total{code="401",path="/users/:id/password"} 3
# TYPE llm_tokens_total counter
llm_tokens_total{model="gpt-4o",kind="prompt"} 184223
llm_time_per_output_token_seconds_bucket{le="0.05"} 4711
password_reset_requests_total 7
auth_token_refresh_errors_total 0
vault_token_count 12
""",
        "response",
    ),
    (
        "prometheus-of-a-battery",
        METRICS,
        """\
# TYPE dc_bus_voltage_volts gauge
dc_bus_voltage_volts{pack="1"} 398.5
dc_current_limit_amperes{pack="1"} 125
# TYPE sk_queue_depth gauge
sk_queue_depth 0
""",
        "response",
    ),
    (
        "haproxy-csv",
        "text/csv",
        "# pxname,svname,scur,status\nauth,token-1,12,UP\nauth,password-1,0,MAINT\n",
        "response",
    ),
    # Source code and configuration, as people paste them into prompts.
    (
        "code-decoding-tokens",
        JSON,
        prompt("Explain:\n```python\ntoken = tokenizer.decode(ids)\nprint(token, end='')\n```"),
        "request",
    ),
    (
        "code-typed-function",
        JSON,
        prompt("Review this:\n\ndef f(password: str) -> bool:\n    return len(password) >= 12\n"),
        "request",
    ),
    (
        "code-optional-parameters",
        PLAIN,
        """\
def connect(
    url: str,
    *,
    token: str | None = None,
    password: Optional[str] = None,
    api_key: SecretStr = Field(repr=False),
) -> Client: ...
""",
        "request",
    ),
    (
        "code-from-environment",
        JSON,
        prompt(
            "Why is this None?\n\n"
            'api_key = os.environ["OPENAI_API_KEY"]\n'
            'client = OpenAI(api_key=os.getenv("OPENAI_API_KEY"))\n'
            'secret = os.environ.get("APP_SECRET")\n'
        ),
        "request",
    ),
    (
        "code-fastapi-login",
        JSON,
        prompt(
            '@app.post("/token")\n'
            "async def login(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> Token:\n"
            "    user = authenticate(form.username, form.password)\n"
            "    if user is None:\n"
            '        raise HTTPException(400, detail="Incorrect username or password")\n'
            "    access_token = create_access_token(user)\n"
            '    return Token(access_token=access_token, token_type="bearer")\n'
        ),
        "request",
    ),
    (
        "code-django-model",
        JSON,
        prompt(
            "class Account(models.Model):\n"
            "    password = models.CharField(max_length=128)\n"
            "    token = models.UUIDField(default=uuid.uuid4, editable=False)\n"
            "    secret = models.BooleanField(default=False)\n"
        ),
        "request",
    ),
    (
        "code-javascript",
        JSON,
        prompt(
            "const token = await getAccessToken();\n"
            "if (token === null) throw new Error('no token');\n"
            "const res = await fetch(url, { credentials: 'include',\n"
            "  headers: { Authorization: `Bearer ${token}` } });\n"
        ),
        "request",
    ),
    (
        "code-typescript",
        JSON,
        answer(
            "```ts\n"
            "interface Login {\n  username: string;\n  password: string;\n  otp?: string;\n}\n"
            "const schema = z.object({ password: z.string().min(8), token: z.string() });\n"
            "process.env.SESSION_SECRET ?? fail();\n"
            "```"
        ),
        "response",
    ),
    (
        "code-go-rust-java",
        JSON,
        answer(
            'Go: ``Token string `json:"token"` ``, Rust: `pub token: Option<String>,`, '
            "Java: `private String password;` and `this.password = password;`."
        ),
        "response",
    ),
    (
        "code-rails",
        JSON,
        prompt("params.require(:user).permit(:email, :password, :password_confirmation)"),
        "request",
    ),
    (
        "code-of-tests",
        JSON,
        prompt("def test_token_is_refreshed(client, token):\n    assert client.token is not token"),
        "request",
    ),
    (
        "curl-with-variable",
        JSON,
        answer(
            "```sh\n"
            "curl https://api.openai.com/v1/models \\\n"
            '  -H "Authorization: Bearer $OPENAI_API_KEY"\n'
            "```"
        ),
        "response",
    ),
    (
        "workflow-with-references",
        JSON,
        prompt(
            "jobs:\n  release:\n    permissions:\n      id-token: write\n    steps:\n"
            "      - uses: pypa/gh-action-pypi-publish@release/v1\n"
            "        with:\n          token: ${{ secrets.GITHUB_TOKEN }}\n"
        ),
        "request",
    ),
    (
        "compose-with-variables",
        "text/yaml",
        """\
services:
  db:
    image: postgres:17
    environment:
      POSTGRES_USER: app
      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD}
  api:
    image: ghcr.io/acme/api:1.4.0
    environment:
      DATABASE_URL: postgresql://app:${POSTGRES_PASSWORD}@db:5432/app
""",
        "request",
    ),
    (
        "terraform-variable",
        PLAIN,
        """\
variable "db_password" {
  description = "The password of the database"
  type        = string
  sensitive   = true
}

resource "aws_db_instance" "main" {
  username = "app"
  password = var.db_password
}
""",
        "request",
    ),
    (
        "helm-and-ansible",
        PLAIN,
        "password: {{ .Values.db.password | quote }}\ntoken: \"{{ lookup('env', 'TOKEN') }}\"\n",
        "request",
    ),
    (
        "dotenv-example",
        PLAIN,
        "# copy to .env and fill in\nAPI_KEY=\nDB_PASSWORD=\nSESSION_SECRET=\nMAX_TOKENS=256\n",
        "response",
    ),
    (
        "dockerfile",
        PLAIN,
        "FROM node:22\nARG NPM_TOKEN\nRUN --mount=type=secret,id=npm_token npm ci\n",
        "request",
    ),
    (
        "sql-ddl",
        JSON,
        prompt(
            "CREATE TABLE users (\n"
            "  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\n"
            "  email text NOT NULL UNIQUE,\n"
            "  password varchar(128) NOT NULL,\n"
            "  api_key text,\n"
            "  token uuid DEFAULT gen_random_uuid(),\n"
            "  CONSTRAINT fk_users_accounts FOREIGN KEY (account_id) REFERENCES accounts (id)\n"
            ");\n"
        ),
        "request",
    ),
    (
        "sql-with-parameters",
        PLAIN,
        "SELECT id, expires_at FROM sessions WHERE token = $1 AND revoked_at IS NULL;\n"
        "UPDATE users SET password = %(password)s WHERE id = %(id)s;\n"
        "DELETE FROM tokens WHERE token = ?;\n"
        "ALTER ROLE app PASSWORD NULL;\n",
        "response",
    ),
    (
        "sqlalchemy-error",
        PLAIN,
        "sqlalchemy.exc.ProgrammingError: (psycopg.errors.UndefinedColumn) column users.token "
        "does not exist\n"
        "[SQL: SELECT users.id, users.password FROM users WHERE users.token = %(token_1)s]\n",
        "response",
    ),
    (
        "stylesheet",
        "text/css; charset=utf-8",
        """\
.token.comment, .token.prolog { color: slategray; }
.token.punctuation { color: #999; }
input[type="password"] { letter-spacing: .2em; }
#tokenizer .card:hover, .pin--active { transform: translateY(-2px); }
:root { --token-color: #07a; --password-meter: 4px; }
""",
        "response",
    ),
    (
        "script",
        "text/javascript; charset=utf-8",
        """\
export function setToken(token) {
  if (!token) return clear();
  session.token = token;
}
const password = form.querySelector("#password");
let secret = "";
//# sourceMappingURL=data:application/json;base64,eyJ2ZXJzaW9uIjozLCJzb3VyY2VzIjpbXX0=
""",
        "response",
    ),
    # GraphQL.
    (
        "graphql-login",
        JSON,
        compact("""
        {
          "operationName": "Login",
          "query": "mutation Login($email: String!, $password: String!) {\\n  \
login(email: $email, password: $password) {\\n    user { id name }\\n  }\\n}",
          "variables": {}
        }
        """),
        "request",
    ),
    (
        "graphql-reset",
        JSON,
        compact("""
        {
          "query": "mutation Reset($email: String!) { requestPasswordReset(email: $email) { ok } }",
          "variables": {"email": "jane@example.com"}
        }
        """),
        "request",
    ),
    (
        "graphql-sdl",
        JSON,
        compact("""
        {
          "data": {
            "_service": {
              "sdl": "input LoginInput {\\n  email: String!\\n  password: String!\\n  \
otp: String\\n}\\n\\ntype Session {\\n  token: String!\\n  expiresAt: DateTime!\\n}\\n\\n\
enum Secret {\\n  SHOWN\\n  HIDDEN\\n}\\n"
            }
          }
        }
        """),
        "response",
    ),
    (
        "graphql-introspection",
        "application/graphql-response+json",
        compact("""
        {
          "data": {
            "__type": {
              "kind": "INPUT_OBJECT",
              "name": "LoginInput",
              "inputFields": [
                {"name": "password", "description": "At least 8 characters.",
                 "type": {"kind": "NON_NULL", "name": null,
                          "ofType": {"kind": "SCALAR", "name": "String"}},
                 "defaultValue": null},
                {"name": "token", "description": null,
                 "type": {"kind": "SCALAR", "name": "String", "ofType": null},
                 "defaultValue": null}
              ]
            }
          }
        }
        """),
        "response",
    ),
    (
        "graphql-error",
        JSON,
        compact(r"""
        {
          "errors": [
            {
              "message": "Variable \"$password\" of required type \"String!\" was not provided.",
              "locations": [{"line": 1, "column": 16}],
              "extensions": {"code": "BAD_USER_INPUT"}
            }
          ]
        }
        """),
        "response",
    ),
    (
        "graphql-cursors",
        JSON,
        compact("""
        {
          "data": {
            "repository": {
              "issues": {
                "totalCount": 4711,
                "edges": [{"cursor": "Y3Vyc29yOnYyOpHOABCD", "node": {"title": "Token expiry"}}],
                "pageInfo": {"hasNextPage": true, "endCursor": "Y3Vyc29yOnYyOpHOABCD"}
              }
            },
            "rateLimit": {"cost": 1, "remaining": 4999, "resetAt": "2026-01-31T13:00:00Z"}
          }
        }
        """),
        "response",
    ),
    # HTML and XML.
    (
        "login-page",
        HTML,
        """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Sign in</title></head>
<body>
<form method="post" action="/login">
  <label for="username">Username:</label>
  <input type="text" name="username" id="username" autocomplete="username" required>
  <label for="password">Password:</label>
  <input type="password" name="password" id="password" autocomplete="current-password" required>
  <p><a href="/password/reset">Forgot your password?</a></p>
  <button type="submit">Sign in</button>
</form>
</body>
</html>
""",
        "response",
    ),
    (
        "login-page-with-empty-values",
        HTML,
        '<form action="/auth/token" method="post">\n'
        'Password: <input type="password" name="password" value=""><br>\n'
        'PIN: <input type="password" inputmode="numeric" name="pin" value="" maxlength="4">\n'
        '<input type="hidden" name="has_token" value="0"><input type="submit" value="OK">\n'
        "</form>\n",
        "response",
    ),
    (
        "highlighted-code",
        HTML,
        '<pre class="language-js"><code class="language-js"><span class="token keyword">const'
        '</span> answer <span class="token operator">=</span> '
        '<span class="token function">decode</span><span class="token punctuation">(</span>ids'
        '<span class="token punctuation">)</span></code></pre>\n',
        "response",
    ),
    (
        "sklearn-diagram",
        HTML,
        '<div id="sk-container-id-1" class="sk-top-container"><div class="sk-text-repr-fallback">'
        '<pre>LogisticRegression()</pre></div><div class="sk-container" hidden>'
        '<label class="sk-toggleable__label sk-toggleable__label-arrow">LogisticRegression'
        "</label></div></div>\n",
        "response",
    ),
    (
        "tokenizer-demo-page",
        HTML,
        '<section id="tokenizer"><h2>Tokenizer</h2><p class="token-count">Tokens: <b>31</b></p>\n'
        '<ul><li data-token-id="4560">deep</li><li data-token-id="6975">learning</li></ul>\n'
        '<a href="/docs/tokens?lang=en&amp;page=2">About tokens</a></section>\n',
        "response",
    ),
    (
        "forbidden-page",
        HTML,
        "<html>\n<head><title>401 Authorization Required</title></head>\n<body>\n"
        "<center><h1>401 Authorization Required</h1></center>\n"
        "<hr><center>nginx/1.27.3</center>\n</body>\n</html>\n",
        "response",
    ),
    (
        "s3-list-bucket",
        XML,
        """\
<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Name>photos</Name>
  <Prefix></Prefix>
  <KeyCount>2</KeyCount>
  <MaxKeys>1000</MaxKeys>
  <IsTruncated>false</IsTruncated>
  <Contents>
    <Key>photos/1.jpg</Key>
    <LastModified>2026-01-31T12:00:00.000Z</LastModified>
    <ETag>&quot;70ee1738b6b21e2c8a43f3a5ab0eee71&quot;</ETag>
    <Size>434234</Size>
    <StorageClass>STANDARD</StorageClass>
  </Contents>
  <Contents>
    <Key>photos/secret-garden/token.png</Key>
    <LastModified>2026-01-31T12:00:01.000Z</LastModified>
    <ETag>&quot;9b2cf535f27731c974343645a3985328-2&quot;</ETag>
    <Size>10485761</Size>
    <StorageClass>STANDARD</StorageClass>
  </Contents>
</ListBucketResult>
""",
        "response",
    ),
    (
        "s3-no-such-key",
        XML,
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>"
        "<Key>photos/2.jpg</Key><RequestId>4442587FB7D0A2F9</RequestId></Error>",
        "response",
    ),
    (
        "aws-password-policy",
        "text/xml",
        """\
<GetAccountPasswordPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">
  <GetAccountPasswordPolicyResult>
    <PasswordPolicy>
      <AllowUsersToChangePassword>true</AllowUsersToChangePassword>
      <RequireUppercaseCharacters>true</RequireUppercaseCharacters>
      <RequireSymbols>true</RequireSymbols>
      <ExpirePasswords>false</ExpirePasswords>
      <PasswordReusePrevention>12</PasswordReusePrevention>
      <RequireNumbers>true</RequireNumbers>
      <MinimumPasswordLength>12</MinimumPasswordLength>
    </PasswordPolicy>
  </GetAccountPasswordPolicyResult>
  <ResponseMetadata><RequestId>7a62c49f-347e-4fc4-9331-6e8eEXAMPLE</RequestId></ResponseMetadata>
</GetAccountPasswordPolicyResponse>
""",
        "response",
    ),
    (
        "aws-error",
        "text/xml",
        "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code>"
        "<Message>The security token included in the request is expired</Message></Error>"
        "<RequestId>b25f48e8-84fd-11e6-80d9-574e0c4664cb</RequestId></ErrorResponse>",
        "response",
    ),
    (
        "soap-fault",
        "application/soap+xml; charset=utf-8",
        """\
<?xml version="1.0"?>
<soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope">
  <soap:Body>
    <soap:Fault>
      <soap:Code><soap:Value>soap:Sender</soap:Value></soap:Code>
      <soap:Reason>
        <soap:Text xml:lang="en">The security token could not be validated</soap:Text>
      </soap:Reason>
    </soap:Fault>
  </soap:Body>
</soap:Envelope>
""",
        "response",
    ),
    (
        "xml-schema",
        XML,
        """\
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:element name="login">
    <xs:complexType>
      <xs:sequence>
        <xs:element name="username" type="xs:string"/>
        <xs:element name="password" type="xs:string" minOccurs="0"/>
        <xs:element name="token" type="xs:token" nillable="true"/>
      </xs:sequence>
    </xs:complexType>
  </xs:element>
</xs:schema>
""",
        "response",
    ),
    (
        "xml-of-nothing",
        XML,
        '<user xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><name>jane</name>'
        '<password/><token xsi:nil="true"/><hasPassword>true</hasPassword></user>',
        "response",
    ),
    (
        "android-strings",
        "text/xml",
        """\
<?xml version="1.0" encoding="utf-8"?>
<resources>
    <string name="password_hint">Enter your password</string>
    <string name="token_expired">Your session has expired. Please sign in again.</string>
    <string name="pin_title">Choose a PIN</string>
    <string name="card_number">Card number</string>
</resources>
""",
        "response",
    ),
    (
        "junit-report",
        XML,
        """\
<?xml version="1.0" encoding="utf-8"?>
<testsuite name="pytest" errors="0" failures="1" tests="2" time="0.412">
<testcase classname="tests.test_auth" name="test_password_reset" time="0.201"/>
<testcase classname="tests.test_auth" name="test_token_refresh" time="0.211">
<failure message="AssertionError: assert 401 == 200">assert response.status == 200</failure>
</testcase>
</testsuite>
""",
        "request",
    ),
    (
        "maven-pom",
        XML,
        """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <dependencies>
    <dependency>
      <groupId>org.springframework.boot</groupId>
      <artifactId>spring-boot-starter-oauth2-resource-server</artifactId>
      <version>3.4.1</version>
    </dependency>
  </dependencies>
</project>
""",
        "response",
    ),
    (
        "rss",
        "application/rss+xml",
        """\
<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/">
  <channel>
    <title>Security news</title>
    <link>https://news.example.com/</link>
    <description>Passwords, tokens and keys</description>
    <item>
      <title>The secret: longer passwords</title>
      <link>https://news.example.com/2026/01/password-rules?utm_source=rss</link>
      <guid isPermaLink="false">4f9f1c1e-5d7f-4b0e-9c3a-0a7b1c2d3e4f</guid>
      <dc:creator>Jane Doe</dc:creator>
      <pubDate>Sat, 31 Jan 2026 12:00:00 GMT</pubDate>
    </item>
  </channel>
</rss>
""",
        "response",
    ),
    (
        "atom",
        "application/atom+xml; charset=utf-8",
        """\
<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
  <title>Releases of token-bucket</title>
  <id>tag:github.com,2008:https://github.com/acme/token-bucket/releases</id>
  <updated>2026-01-31T12:00:00Z</updated>
  <entry>
    <id>tag:github.com,2008:Repository/4711/v1.2.0</id>
    <title>v1.2.0: API keys in headers</title>
    <link rel="alternate" href="https://github.com/acme/token-bucket/releases/tag/v1.2.0"/>
  </entry>
</feed>
""",
        "response",
    ),
    (
        "svg",
        "text/xml",
        """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="24" height="24">
  <title>key</title>
  <g id="password-icon" class="token" fill="none" stroke="#333">
    <path d="M21 2l-2 2m-7.61 7.61a5.5 5.5 0 1 1-7.778 7.778 5.5 5.5 0 0 1 7.777-7.777z"/>
    <use href="#pin"/>
  </g>
</svg>
""",
        "response",
    ),
    (
        "sitemap",
        XML,
        """\
<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
  <url><loc>https://example.com/password/reset</loc><priority>0.3</priority></url>
  <url><loc>https://example.com/docs/api-keys?lang=en&amp;page=2</loc></url>
</urlset>
""",
        "response",
    ),
    (
        "webdav-locks",
        "application/xml; charset=utf-8",
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<D:multistatus xmlns:D="DAV:"><D:response><D:href>/docs/secret-santa.odt</D:href>'
        "<D:propstat><D:prop><D:getetag>&quot;5f3a-62d&quot;</D:getetag>"
        "<D:getcontentlength>4711</D:getcontentlength></D:prop>"
        "<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>",
        "response",
    ),
    # Identifiers, digests, public keys and data that is long and random, but known to anybody.
    (
        "jwks-rsa",
        JSON,
        compact("""
        {
          "keys": [
            {
              "kty": "RSA",
              "use": "sig",
              "alg": "RS256",
              "kid": "2011-04-29",
              "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxu\
hDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65\
YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4\
vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
              "e": "AQAB"
            }
          ]
        }
        """),
        "response",
    ),
    (
        "jwks-ec",
        JSON,
        compact("""
        {
          "keys": [
            {
              "kty": "EC",
              "crv": "P-256",
              "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
              "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
              "use": "sig",
              "kid": "1"
            }
          ]
        }
        """),
        "response",
    ),
    (
        "public-key-pem",
        PLAIN,
        """\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEMKBCTNIcKUSDii11ySs3526iDZ8A
iTo7Tu6KPAqv7D7gS2XpJFbZiItSs3m9+9Ue6GnvHw/GW2ZZaVtszggXIw==
-----END PUBLIC KEY-----
""",
        "response",
    ),
    (
        "github-public-keys",
        JSON,
        compact("""
        [
          {
            "id": 1,
            "key": "ssh-ed25519 \
AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
          }
        ]
        """),
        "response",
    ),
    (
        "host-key-fingerprints",
        PLAIN,
        "256 SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU github.com (ED25519)\n"
        "3072 SHA256:uNiVztksCsDhcc0u9e8BrMu98ppN4vFCjU2VgHtm8qA github.com (RSA)\n",
        "response",
    ),
    (
        "github-commit",
        "application/json; charset=utf-8",
        compact("""
        {
          "sha": "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d",
          "node_id": "MDY6Q29tbWl0NmRjYjA5YjViNTc4NzVmMzM0ZjYxYWViZWQ2OTVlMmU0MTkzZGI1ZQ==",
          "commit": {
            "author": {"name": "The Octocat", "email": "octocat@nowhere.com",
                       "date": "2012-03-06T23:06:50Z"},
            "message": "Rotate the token of the tokenizer's test",
            "tree": {"sha": "b4eecafa9be2f2006ce1b709d6857b07069b4608"},
            "verification": {"verified": false, "reason": "unsigned", "signature": null}
          },
          "html_url": "https://github.com/octocat/Hello-World/commit/\
7fd1a60b01f91b314f59955a4e4d4e80d8edf11d"
        }
        """),
        "response",
    ),
    (
        "git-refs",
        JSON,
        compact("""
        [
          {"ref": "refs/heads/fix/auth-token-refresh", "node_id": "MDM6UmVmcmVmcy9oZWFkcw==",
           "object": {"type": "commit", "sha": "aa218f56b14c9653891f9e74264a383fa43fefbd"}},
          {"ref": "refs/tags/v1.4.0", "node_id": "MDM6UmVmcmVmcy90YWdz",
           "object": {"type": "tag", "sha": "940bd336248efae0f9ee5bc7b2d5c985887b16ac"}}
        ]
        """),
        "response",
    ),
    (
        "git-ls-remote",
        PLAIN,
        "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d\tHEAD\n"
        "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d\trefs/heads/password-reset\n",
        "response",
    ),
    (
        "git-diff",
        "text/x-diff",
        """\
diff --git a/auth/token.py b/auth/token.py
index 3b18e51..a9f2c4d 100644
--- a/auth/token.py
+++ b/auth/token.py
@@ -12,3 +12,3 @@ def refresh(session):
-    token = session.token
+    token = session.fresh_token()
     return token
""",
        "response",
    ),
    (
        "etags",
        JSON,
        compact(r"""
        {
          "items": [
            {"id": "1", "etag": "W/\"33a64df551425fcc55e4d42a148795d9f25f89d4\"",
             "name": "token.txt"},
            {"id": "2", "etag": "\"70ee1738b6b21e2c8a43f3a5ab0eee71\"", "name": "keys.csv"}
          ]
        }
        """),
        "response",
    ),
    (
        "oci-manifest",
        "application/vnd.oci.image.manifest.v1+json",
        """\
{
  "schemaVersion": 2,
  "mediaType": "application/vnd.oci.image.manifest.v1+json",
  "config": {
    "mediaType": "application/vnd.oci.image.config.v1+json",
    "digest": "sha256:b5b2b2c507a0944348e0303114d8d93aaaa081732b86451d9bce1f432a537bc7",
    "size": 7023
  },
  "layers": [
    {
      "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
      "digest": "sha256:9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0",
      "size": 32654
    }
  ]
}
""",
        "response",
    ),
    (
        "pypi-files",
        "application/vnd.pypi.simple.v1+json",
        compact("""
        {
          "meta": {"api-version": "1.1"},
          "name": "token-bucket",
          "files": [
            {
              "filename": "token_bucket-0.3.0-py2.py3-none-any.whl",
              "url": "https://files.pythonhosted.org/packages/\
token_bucket-0.3.0-py2.py3-none-any.whl",
              "hashes": {
                "sha256": "6df24309e3cf5b808ae5ef714a3191ec5b54f48c34ef949e4882eef140703369"
              },
              "requires-python": ">=3.5",
              "size": 9876,
              "yanked": false
            }
          ]
        }
        """),
        "response",
    ),
    (
        "npm-package",
        JSON,
        compact("""
        {
          "name": "jsonwebtoken",
          "dist-tags": {"latest": "9.0.2"},
          "versions": {
            "9.0.2": {
              "name": "jsonwebtoken",
              "description": "JSON Web Token implementation (symmetric and asymmetric)",
              "keywords": ["jwt"],
              "dist": {
                "integrity": "sha512-\
PRp66vJ865SSqOlgqS8hujT5U4AOgMfhrwYIuIhfKaoSCZcirrmASQr8CX7cUg+RMih+hgznrjp99o+W4pJLHQ==",
                "shasum": "65ff91f4abef1784697d40952bb1998c504caaf3",
                "fileCount": 8,
                "unpackedSize": 43489
              }
            }
          }
        }
        """),
        "response",
    ),
    (
        "uuids",
        JSON,
        compact("""
        {
          "id": "018f3f5e-6f6c-7c36-9f14-0ab3f3a7e1a8",
          "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy",
          "trace_id": "0af7651916cd43dd8448eb211c80319c",
          "span_id": "b7ad6b7169203331",
          "ulid": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
          "object_id": "507f1f77bcf86cd799439011"
        }
        """),
        "response",
    ),
    (
        "versions-and-addresses",
        JSON,
        compact("""
        {
          "version": "2.4.0-rc.1+build.4711",
          "commit": "7fd1a60",
          "released": "2026-01-31",
          "hosts": ["203.0.113.7", "2001:db8::8a2e:370:7334", "10.0.0.0/8"],
          "mac": "00:1B:44:11:3A:B7",
          "phone": "+1-202-555-0143",
          "support": "tel:+493012345678",
          "order": "4711-0815-2026"
        }
        """),
        "response",
    ),
    (
        "image-in-a-data-url",
        JSON,
        compact(
            '{"model": "gpt-4o", "max_tokens": 300, "messages": [{"role": "user", "content": ['
            '{"type": "text", "text": "Is this a key or a card?"}, {"type": "image_url", '
            f'"image_url": {{"url": "data:image/png;base64,{PNG}", "detail": "low"}}}}]}}]}}'
        ),
        "request",
    ),
    (
        "image-for-anthropic",
        JSON,
        compact(
            '{"model": "claude-sonnet-4-5", "max_tokens": 1024, "messages": [{"role": "user", '
            '"content": [{"type": "image", "source": {"type": "base64", '
            f'"media_type": "image/gif", "data": "{GIF}"}}}}]}}]}}'
        ),
        "request",
    ),
    (
        "image-made",
        JSON,
        compact(
            '{"created": 1713833628, "data": [{"b64_json": "'
            + PNG
            + '"}], "usage": {"total_tokens": 100, "input_tokens": 50, "output_tokens": 50, '
            '"input_tokens_details": {"text_tokens": 10, "image_tokens": 40}}}'
        ),
        "response",
    ),
    (
        "image-in-a-page",
        HTML,
        f'<p>Card:</p><img alt="token" width="1" src="data:image/gif;base64,{GIF}">\n',
        "response",
    ),
    (
        "vector-search",
        JSON,
        compact("""
        {
          "matches": [
            {"id": "doc-7#chunk-3", "score": 0.8731, "values": [0.0123, -0.4567, 8.9e-05],
             "metadata": {"title": "Password rules", "tokens": 212}}
          ],
          "namespace": "help",
          "usage": {"readUnits": 5}
        }
        """),
        "response",
    ),
    (
        "cursor",
        JSON,
        '{"data":[{"id":123,"name":"Key ring"}],"next_cursor":"eyJpZCI6MTIzfQ==","has_more":true}',
        "response",
    ),
    (
        "content-digests",
        PLAIN,
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  token.txt\n"
        "Content-Digest: sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:\n",
        "response",
    ),
    (
        "traceparent",
        PLAIN,
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "request",
    ),
    (
        "blockchain-transfers",
        JSON,
        compact("""
        {
          "status": "1",
          "message": "OK",
          "result": [
            {
              "blockNumber": "4730207",
              "timeStamp": "1513240363",
              "hash": "0xe8c208398bd5ae8e4c237658580db56a2a94dfa0ca382c99b776fa6e7d31d5b4",
              "from": "0x642ae78fafbb8032da552d619ad43f1d81e4dd7c",
              "contractAddress": "0x06012c8cf97bead5deae237070f9587f8e7a266d",
              "tokenID": "202106",
              "tokenName": "CryptoKitties",
              "tokenSymbol": "CK",
              "tokenDecimal": "0"
            }
          ]
        }
        """),
        "response",
    ),
    (
        "blockchain-pair",
        JSON,
        compact("""
        {
          "schemaVersion": "1.0.0",
          "pairs": [
            {
              "chainId": "ethereum",
              "baseToken": {
                "address": "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
                "name": "Wrapped Ether",
                "symbol": "WETH"
              },
              "quoteToken": {
                "address": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",
                "name": "USD Coin",
                "symbol": "USDC"
              },
              "priceUsd": "3012.41"
            }
          ]
        }
        """),
        "response",
    ),
    (
        "breaches",
        JSON,
        compact("""
        [
          {
            "Name": "Adobe",
            "BreachDate": "2013-10-04",
            "PwnCount": 152445165,
            "DataClasses": ["Email addresses", "Password hints", "Passwords", "Usernames"],
            "IsVerified": true
          }
        ]
        """),
        "response",
    ),
    # What other APIs send.
    (
        "stripe-payment-method",
        JSON,
        """\
{
  "id": "pm_1MqLiJLkdIwHu7ixUEgbFdYF",
  "object": "payment_method",
  "allow_redisplay": "unspecified",
  "card": {
    "brand": "visa",
    "checks": {
      "address_line1_check": null,
      "address_postal_code_check": null,
      "cvc_check": "pass"
    },
    "country": "US",
    "exp_month": 12,
    "exp_year": 2034,
    "funding": "credit",
    "last4": "4242",
    "three_d_secure_usage": {
      "supported": true
    },
    "wallet": null
  },
  "created": 1679945299,
  "customer": "cus_9s6XKzkNRiz8i3",
  "livemode": false,
  "metadata": {},
  "type": "card"
}
""",
        "response",
    ),
    (
        "stripe-charge",
        JSON,
        compact("""
        {
          "id": "ch_3MmlLrLkdIwHu7ix0snN0B15",
          "object": "charge",
          "amount": 1099,
          "balance_transaction": "txn_3MmlLrLkdIwHu7ix0uke3Ezy",
          "currency": "usd",
          "invoice": null,
          "paid": true,
          "payment_intent": "pi_3MmlLrLkdIwHu7ix0DBFp6rA",
          "receipt_email": "jane@example.com",
          "status": "succeeded"
        }
        """),
        "response",
    ),
    ("card-on-file", JSON, '{"brand":"visa","last4":"4242","exp_month":12}', "response"),
    (
        "trello-card",
        JSON,
        compact("""
        {
          "id": "5abbe4b7ddc1b351ef961414",
          "name": "Password reset: token is too short",
          "desc": "Key: make it longer. Code: see the pull request.",
          "idBoard": "586e8f681d4fe9b06a928307",
          "labels": [{"id": "5abbe4b7ddc1b351ef961415", "name": "auth", "color": "red"}],
          "pinned": false,
          "shortUrl": "https://trello.com/c/H0TZyzbK",
          "cover": {"color": null, "size": "normal"}
        }
        """),
        "response",
    ),
    (
        "deck-of-cards",
        JSON,
        compact("""
        {
          "success": true,
          "deck_id": "kxozasf3edqu",
          "cards": [
            {"code": "6H", "image": "https://deckofcardsapi.com/static/img/6H.png",
             "value": "6", "suit": "HEARTS"}
          ],
          "remaining": 51
        }
        """),
        "response",
    ),
    (
        "jira-issue",
        JSON,
        compact("""
        {
          "id": "10002",
          "key": "AUTH-4711",
          "self": "https://acme.atlassian.net/rest/api/3/issue/10002",
          "fields": {
            "summary": "Secret: scanning finds tokens in tests",
            "status": {"name": "To Do", "statusCategory": {"key": "new"}},
            "project": {"key": "AUTH", "name": "Authentication"}
          }
        }
        """),
        "response",
    ),
    (
        "github-user",
        JSON,
        compact("""
        {
          "login": "octocat",
          "id": 583231,
          "node_id": "MDQ6VXNlcjU4MzIzMQ==",
          "gravatar_id": "",
          "url": "https://api.github.com/users/octocat",
          "type": "User",
          "two_factor_authentication": true,
          "private_gists": 81,
          "plan": {"name": "Medium", "private_repos": 20, "collaborators": 0}
        }
        """),
        "response",
    ),
    (
        "github-workflow-run",
        JSON,
        compact("""
        {
          "id": 30433642,
          "name": "Rotate secrets",
          "head_branch": "token-rotation",
          "head_sha": "acb5820ced9479c074f688cc328bf03f341a511d",
          "path": ".github/workflows/rotate-secrets.yml@main",
          "event": "schedule",
          "status": "completed",
          "conclusion": "success",
          "run_started_at": "2026-01-31T12:00:00Z"
        }
        """),
        "response",
    ),
    (
        "slack-message",
        JSON,
        compact("""
        {
          "type": "message",
          "channel": "C123ABC456",
          "user": "U123ABC456",
          "text": "Forgot the password: ask <https://help.example.com/password|the help page>",
          "ts": "1355517523.000005",
          "team": "T123ABC456"
        }
        """),
        "response",
    ),
    (
        "kubernetes-pod",
        JSON,
        compact("""
        {
          "apiVersion": "v1",
          "kind": "Pod",
          "metadata": {
            "name": "token-service-7d9c6b8f5-x2x4z",
            "namespace": "auth",
            "uid": "3c1f6b2a-5590-4f2c-8b0c-7b0f6a5290a5",
            "resourceVersion": "1584211",
            "labels": {"app": "token-service", "pod-template-hash": "7d9c6b8f5"}
          },
          "spec": {
            "automountServiceAccountToken": false,
            "containers": [
              {
                "name": "api",
                "image": "ghcr.io/acme/token-service:1.4.0",
                "args": ["--token-ttl=3600", "--password-min-length=12"],
                "env": [{"name": "MAX_TOKENS", "value": "256"}]
              }
            ]
          },
          "status": {"phase": "Running"}
        }
        """),
        "response",
    ),
    (
        "kubernetes-config-map",
        JSON,
        compact("""
        {
          "apiVersion": "v1",
          "kind": "ConfigMap",
          "metadata": {"name": "auth-settings", "namespace": "auth"},
          "data": {"LOG_LEVEL": "info", "TOKEN_TTL_SECONDS": "3600", "MAX_TOKENS": "256"}
        }
        """),
        "response",
    ),
    (
        "terraform-plan",
        JSON,
        compact("""
        {
          "format_version": "1.2",
          "variables": {"region": {"value": "eu-central-1"}},
          "resource_changes": [
            {
              "address": "random_password.db",
              "type": "random_password",
              "name": "db",
              "change": {"actions": ["create"], "before": null,
                         "after": {"length": 32, "special": true},
                         "after_unknown": {"id": true, "result": true}}
            }
          ]
        }
        """),
        "response",
    ),
    (
        "i18n-flat",
        JSON,
        compact("""
        {
          "login.title": "Sign in",
          "login.username.label": "Email or username",
          "login.password.label": "Password",
          "login.password.placeholder": "Enter your password",
          "login.forgot": "Forgot your password?",
          "errors.token.expired": "Your link has expired. Please ask for a new one.",
          "profile.pin.help": "Four digits that only you know."
        }
        """),
        "response",
    ),
    (
        "i18n-nested",
        JSON,
        """\
{
  "auth": {
    "signIn": "Sign in",
    "password": {
      "label": "Password",
      "placeholder": "Enter your password",
      "hint": "At least 12 characters"
    },
    "token": {
      "title": "API tokens",
      "empty": "You have no tokens yet."
    }
  }
}
""",
        "response",
    ),
    (
        "i18n-django",
        JSON,
        """\
{
  "catalog": {
    "Forgot your password?": "Passwort vergessen?",
    "Your password has been changed.": "Ihr Passwort wurde ge\\u00e4ndert.",
    "%(sel)s of %(cnt)s selected": ["%(sel)s von %(cnt)s ausgew\\u00e4hlt"]
  },
  "formats": {
    "DATE_FORMAT": "j. F Y",
    "FIRST_DAY_OF_WEEK": 1
  }
}
""",
        "response",
    ),
    (
        "geojson",
        "application/geo+json",
        compact("""
        {
          "type": "FeatureCollection",
          "features": [
            {
              "type": "Feature",
              "geometry": {"type": "Point", "coordinates": [13.404954, 52.520008]},
              "properties": {"name": "Key shop", "pin_color": "#cc0000", "pinned": true}
            }
          ]
        }
        """),
        "response",
    ),
    (
        "map-pins",
        JSON,
        compact("""
        {
          "pins": [
            {"lat": 52.520008, "lng": 13.404954, "title": "Secret Garden", "icon": "key"},
            {"lat": 48.8566, "lng": 2.3522, "title": "Token Café", "icon": "pin"}
          ],
          "next": null
        }
        """),
        "response",
    ),
    (
        "conference-sessions",
        JSON,
        compact("""
        {
          "sessions": [
            {"id": 3, "title": "Passwords are dead", "room": "B", "starts_at": "2026-03-01T14:00",
             "speaker": "Jane Doe", "code": "SEC-3"}
          ],
          "session_count": 1
        }
        """),
        "response",
    ),
    (
        "keyboard-events",
        JSON,
        compact("""
        {
          "events": [
            {"type": "keydown", "key": "Enter", "code": "Enter", "ctrlKey": false},
            {"type": "keydown", "key": "ArrowDown", "code": "ArrowDown", "ctrlKey": false}
          ]
        }
        """),
        "request",
    ),
    (
        "country-codes",
        JSON,
        '[{"code":"DE","name":"Germany","key":"de"},{"code":"FR","name":"France","key":"fr"}]',
        "response",
    ),
    ("error-code", JSON, '{"code":401,"message":"Unauthorized","auth":false}', "response"),
    (
        "auth0-user",
        JSON,
        compact("""
        {
          "user_id": "auth0|507f1f77bcf86cd799439020",
          "email": "jane@example.com",
          "identities": [
            {"connection": "Username-Password-Authentication", "provider": "auth0",
             "isSocial": false}
          ],
          "last_password_reset": "2026-01-15T10:22:33.000Z",
          "logins_count": 12
        }
        """),
        "response",
    ),
    (
        "events-of-an-audit-log",
        NDJSON,
        lines(
            """
            {"ts": "2026-01-31T12:00:00Z", "actor": "jane", "action": "password.changed",
             "ip": "203.0.113.7", "ok": true}
            """,
            """
            {"ts": "2026-01-31T12:00:02Z", "actor": "ci", "action": "token.created",
             "scopes": ["read:packages"], "token_count": 3}
            """,
            """
            {"ts": "2026-01-31T12:00:04Z", "actor": "jane", "action": "secret.viewed",
             "ip": "203.0.113.7", "ok": false}
            """,
        ),
        "response",
    ),
    (
        "json-sequence",
        "application/json-seq",
        '\x1e{"level":"info","msg":"token refreshed","took_ms":12}\n'
        '\x1e{"level":"warn","msg":"password: too many attempts","attempts":5}\n',
        "response",
    ),
    (
        "training-examples",
        "application/jsonl",
        lines(
            """
            {"messages": [{"role": "user", "content": "Where do I find my API key?"},
             {"role": "assistant", "content": "Under Settings, API keys. Keep the key secret."}]}
            """,
            """
            {"messages": [{"role": "user", "content": "The token: is it a word?"},
             {"role": "assistant", "content": "Often it is a piece of a word."}]}
            """,
        ),
        "request",
    ),
    (
        "products",
        "text/csv; charset=utf-8",
        "sku,name,price,stock\n"
        "KEY-001,Key ring,4.90,120\n"
        "TOK-100,Laundry token (10 pcs),7.50,31\n"
        "PIN-007,Enamel pin,3.20,0\n"
        'CRD-042,"Greeting card: secret, with code",2.80,64\n',
        "response",
    ),
    (
        "account-report",
        "text/csv",
        "user,has_password,token_count,last_session\n"
        "jane,true,3,2026-01-31\n"
        "john,false,0,2025-12-24\n",
        "response",
    ),
    (
        "calendar",
        "text/calendar; charset=utf-8",
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//EN\r\nBEGIN:VEVENT\r\n"
        "UID:4711@example.com\r\nDTSTART:20260131T120000Z\r\n"
        "SUMMARY:Secret Santa: draw names\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        "response",
    ),
    (
        "robots",
        PLAIN,
        "User-agent: *\nDisallow: /auth/\nDisallow: /password/reset\nDisallow: /*?token=\n",
        "response",
    ),
    (
        "addresses-with-queries",
        JSON,
        compact("""
        {
          "links": {
            "self": "https://shop.example.com/search?q=key+ring&page=2&sort=price",
            "next": "https://shop.example.com/search?q=key+ring&page=3&sort=price",
            "video": "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
            "help": "https://help.example.com/password?lang=en&utm_source=app#reset",
            "login": "https://github.com/login?return_to=%2Fsettings%2Ftokens"
          }
        }
        """),
        "response",
    ),
    (
        "json-patch",
        "application/json-patch+json",
        compact("""
        [
          {"op": "remove", "path": "/password"},
          {"op": "replace", "path": "/settings/max_tokens", "value": 512},
          {"op": "test", "path": "/has_token", "value": false}
        ]
        """),
        "request",
    ),
    (
        "web-manifest",
        "application/manifest+json",
        compact("""
        {
          "name": "Password game",
          "short_name": "Passwords",
          "start_url": "/?source=pwa",
          "display": "standalone",
          "icons": [{"src": "/icons/key-192.png", "sizes": "192x192", "type": "image/png"}]
        }
        """),
        "response",
    ),
    (
        "chat-about-passwords",
        JSON,
        answer(
            "A good password is long. Use a manager, and turn on a second factor.\n\n"
            "Password: the longer the better. Token: never paste it anywhere. Secret: tell nobody."
        ),
        "response",
    ),
    (
        "search-for-passwords",
        JSON,
        compact("""
        {
          "query": {
            "bool": {
              "must": [{"match": {"title": "reset password"}}],
              "filter": [{"term": {"tags": "auth"}}, {"exists": {"field": "token"}}]
            }
          },
          "aggs": {"keys": {"terms": {"field": "key.keyword", "size": 10}}},
          "size": 20
        }
        """),
        "request",
    ),
    (
        "search-results",
        JSON,
        compact("""
        {
          "took": 12,
          "hits": {
            "total": {"value": 1, "relation": "eq"},
            "hits": [
              {"_index": "help", "_id": "7", "_score": 1.23,
               "_source": {"title": "Reset your password", "slug": "reset-password"},
               "highlight": {"title": ["Reset your <em>password</em>"]}}
            ]
          }
        }
        """),
        "response",
    ),
    # Forms without files.
    ("form-search", FORM, "q=how+to+change+password&page=2", "request"),
    ("form-empty-login", FORM, "username=&password=&remember=on", "request"),
    (
        "form-client-credentials",
        FORM,
        "grant_type=client_credentials&scope=read%3Areports",
        "request",
    ),
    (
        "form-filter",
        FORM,
        "sort=key&order=asc&has_password=true&max_tokens=256&card=visa",
        "request",
    ),
    (
        "form-feedback",
        FORM,
        "subject=Token+expired&text=My+password%3A+still+forgotten&rating=4",
        "request",
    ),
    (
        "form-chat",
        FORM,
        "message=What+is+a+bearer+token%3F&model=gpt-4o-mini&max_tokens=64&session_count=2",
        "request",
    ),
    ("form-stripe-refund", FORM, "charge=ch_3MmlLrLkdIwHu7ix0snN0B15&amount=500", "request"),
    (
        "multipart-contact",
        MULTIPART,
        multipart(
            name="Jane Doe",
            subject="Password reset",
            message="Token: expired yesterday. How do I get a new one?",
            consent="true",
        ),
        "request",
    ),
    (
        "multipart-transcription",
        MULTIPART,
        multipart(
            model="whisper-1",
            language="en",
            response_format="verbose_json",
            prompt="Words: token, key, password, PIN",
            temperature="0",
        ),
        "request",
    ),
    (
        "multipart-with-json",
        MULTIPART,
        multipart(
            title="Key ring",
            options='{"max_tokens": 256, "has_password": false}',
            tags='["auth", "card", "code"]',
        ),
        "request",
    ),
    (
        "multipart-empty-password",
        MULTIPART,
        multipart(username="jane", password="", theme="dark"),
        "request",
    ),
    (
        "multipart-graphql",
        MULTIPART,
        multipart(
            operations='{"query":"mutation ($password: String!) { check(password: $password) }",'
            '"variables":{}}',
            map="{}",
        ),
        "request",
    ),
)

# Reasonable people disagree about these: either no secret is in them, but nothing tells that
# apart from a secret; or they hold the name, the hint or the public half of one. No test reads
# them.
ARGUABLE: tuple[tuple[str, str, str, str], ...] = (
    # Where a secret is kept.
    (
        "kubernetes-secret-key-ref",
        JSON,
        '{"name":"DATABASE_URL","valueFrom":{"secretKeyRef":{"name":"db","key":"url"}}}',
        "response",
    ),
    ("kubernetes-pull-secrets", JSON, '{"imagePullSecrets":[{"name":"regcred"}]}', "response"),
    (
        "kubernetes-projected-token",
        JSON,
        '{"serviceAccountToken":{"expirationSeconds":3600,"path":"token"}}',
        "response",
    ),
    (
        "github-secrets",
        JSON,
        compact("""
        {
          "total_count": 1,
          "secrets": [
            {"name": "DEPLOY_TOKEN", "created_at": "2026-01-31T12:00:00Z",
             "updated_at": "2026-01-31T12:00:00Z"}
          ]
        }
        """),
        "response",
    ),
    (
        "aws-secret-list",
        JSON,
        compact("""
        {
          "SecretList": [
            {"ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/db-AbCdEf",
             "Name": "prod/db", "LastChangedDate": 1523477145.713}
          ]
        }
        """),
        "response",
    ),
    (
        "github-permissions",
        JSON,
        '{"permissions":{"secrets":"read","contents":"write"}}',
        "response",
    ),
    (
        "kube-state-metrics",
        METRICS,
        'kube_secret_info{namespace="default",secret="db"} 1\n',
        "response",
    ),
    # A text under a secret name that is no secret, which only its meaning tells.
    ("next-page-token", JSON, '{"items":[],"nextPageToken":"CAUQAA"}', "response"),
    (
        "prose-under-a-name",
        JSON,
        '{"errors":{"password":"Must be at least 12 characters long.","api_key":"Unknown key."}}',
        "response",
    ),
    (
        "password-strength",
        JSON,
        '{"password_strength":"strong","credential_type":"password"}',
        "response",
    ),
    (
        "password-policy-of-keycloak",
        JSON,
        '{"passwordPolicy":"length(8) and digits(1)"}',
        "response",
    ),
    ("i18n-password", JSON, '{"username":"Benutzername","password":"Passwort"}', "response"),
    ("i18n-password-itself", JSON, '{"password":"Password","token":"Token"}', "response"),
    ("masked-password", JSON, '{"password":"********"}', "response"),
    ("game-token", JSON, '{"player":"jane","token":"top hat","position":10}', "response"),
    (
        "design-tokens",
        JSON,
        '{"token":{"color":{"brand":{"$type":"color","$value":"#0077aa"}}}}',
        "response",
    ),
    ("bakery", JSON, '{"cookie":"chocolate chip","price":1.9}', "response"),
    ("show-password", FORM, "show_password=on&step=2", "request"),
    ("placeholder", PLAIN, "curl -H 'Authorization: Bearer YOUR_API_KEY'", "response"),
    ("keyword-argument", PLAIN, "User(username=username, password=password)", "request"),
    # A number may well be the secret under these names.
    ("gpio-pin", JSON, '{"pin":17,"mode":"output"}', "request"),
    # Public halves, hints and signatures.
    ("publishable-key", JSON, '{"publishable_key":"pk_test_0123456789abcdef01234567"}', "response"),
    (
        "anthropic-key-hint",
        JSON,
        '{"id":"apikey_01Rj2N8SVvo6BePZj99NhmiT","partial_key_hint":"sk-ant-api03-R2D...igAA"}',
        "response",
    ),
    (
        "openai-wrong-key",
        JSON,
        '{"error":{"message":"Incorrect API key provided: sk-ab***yz."}}',
        "response",
    ),
    (
        "code-challenge",
        FORM,
        "response_type=code&code_challenge_method=S256&client_id=web",
        "request",
    ),
    (
        "thinking-signature",
        JSON,
        '{"type":"thinking","thinking":"","signature":"EqQBCgIYAhIM"}',
        "response",
    ),
    (
        "postman-auth",
        JSON,
        '{"auth":{"type":"bearer","bearer":[{"key":"token","value":"{{token}}"}]}}',
        "request",
    ),
)
