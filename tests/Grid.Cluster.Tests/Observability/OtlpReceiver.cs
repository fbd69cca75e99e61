using System.Collections.Concurrent;
using System.Net;
using Grid.Cluster.Tests.Server;

namespace Grid.Cluster.Tests.Observability;

/// <summary>A span as it came.</summary>
internal sealed record ReceivedSpan(string Silo, string TraceId, string SpanId, string ParentId, string Name, Dictionary<string, string> Attributes, List<string> LinkedTraces, ulong Began, ulong Ended, bool Failed);

/// <summary>A log record as it came.</summary>
internal sealed record ReceivedLog(string Silo, string Body, Dictionary<string, string> Attributes);

/// <summary>Takes what is exported by OTLP over HTTP in protocol buffers, as a collector does.</summary>
internal sealed class OtlpReceiver : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly ConcurrentQueue<ReceivedSpan> _spans = new();
    private readonly ConcurrentQueue<ReceivedLog> _logs = new();
    private readonly ConcurrentDictionary<string, int> _requests = new();

    public OtlpReceiver()
    {
        Url = $"http://127.0.0.1:{Ports.Free(1)[0]}/";
        _listener.Prefixes.Add(Url);
        _listener.Start();
        _ = ReceiveAsync();
    }

    /// <summary>What OTEL_EXPORTER_OTLP_ENDPOINT is to say.</summary>
    public string Url { get; }

    public IReadOnlyCollection<ReceivedSpan> Spans => _spans;

    public IReadOnlyCollection<ReceivedLog> Logs => _logs;

    /// <summary>How many requests came to a path.</summary>
    public int RequestsTo(string path) => _requests.GetValueOrDefault(path);

    /// <summary>What went wrong with one of them; null when nothing did.</summary>
    public Exception? Fault { get; private set; }

    public void Dispose() => _listener.Close();

    private async Task ReceiveAsync()
    {
        while (_listener.IsListening)
        {
            HttpListenerContext call;
            try
            {
                call = await _listener.GetContextAsync();
            }
            catch (Exception ended) when (ended is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            try
            {
                using MemoryStream body = new();
                await call.Request.InputStream.CopyToAsync(body);
                string path = call.Request.Url!.AbsolutePath;
                _requests.AddOrUpdate(path, 1, static (_, count) => count + 1);
                Take(path, body.ToArray());
            }
            catch (Exception fault)
            {
                Fault = fault;
            }

            call.Response.ContentType = "application/x-protobuf";
            call.Response.Close();
        }
    }

    private void Take(string path, byte[] body)
    {
        // ExportTraceServiceRequest and ExportLogsServiceRequest: field 1 is a resource with what it sent.
        if (path is "/v1/traces" or "/v1/logs")
            new ProtoReader(body).ReadAll((number, resource, _) => TakeResource(path == "/v1/traces", resource));
    }

    private void TakeResource(bool spans, ReadOnlySpan<byte> message)
    {
        Dictionary<string, string> resource = [];
        new ProtoReader(message).ReadAll((number, part, _) =>
        {
            if (number == 1)
                new ProtoReader(part).ReadAll((field, attribute, _) => ProtoReader.ReadAttribute(field == 1 ? attribute : default, resource));
        });
        string silo = resource.GetValueOrDefault("service.instance.id", "");
        new ProtoReader(message).ReadAll((number, scope, _) =>
        {
            if (number != 2)
                return;
            new ProtoReader(scope).ReadAll((field, item, _) =>
            {
                if (field == 2 && spans)
                    _spans.Enqueue(ReadSpan(silo, item));
                else if (field == 2)
                    _logs.Enqueue(ReadLog(silo, item));
            });
        });
    }

    private static ReceivedSpan ReadSpan(string silo, ReadOnlySpan<byte> message)
    {
        ReceivedSpan span = new(silo, "", "", "", "", [], [], 0, 0, false);
        new ProtoReader(message).ReadAll((number, bytes, value) =>
        {
            span = number switch
            {
                1 => span with { TraceId = Convert.ToHexStringLower(bytes) },
                2 => span with { SpanId = Convert.ToHexStringLower(bytes) },
                4 => span with { ParentId = Convert.ToHexStringLower(bytes) },
                5 => span with { Name = System.Text.Encoding.UTF8.GetString(bytes) },
                7 => span with { Began = value },
                8 => span with { Ended = value },
                15 => span with { Failed = IsError(bytes) },
                _ => span,
            };
            if (number == 9)
                ProtoReader.ReadAttribute(bytes, span.Attributes);
            else if (number == 13)
                new ProtoReader(bytes).ReadAll((field, id, _) => Add(span.LinkedTraces, field, id));
        });
        return span;
    }

    private static void Add(List<string> traces, int field, ReadOnlySpan<byte> id)
    {
        if (field == 1)
            traces.Add(Convert.ToHexStringLower(id));
    }

    private static bool IsError(ReadOnlySpan<byte> status)
    {
        bool error = false;
        new ProtoReader(status).ReadAll((field, _, value) => error |= field == 3 && value == 2);
        return error;
    }

    private static ReceivedLog ReadLog(string silo, ReadOnlySpan<byte> message)
    {
        ReceivedLog log = new(silo, "", []);
        new ProtoReader(message).ReadAll((number, bytes, _) =>
        {
            if (number == 5)
                log = log with { Body = ProtoReader.ReadAny(bytes) };
            else if (number == 6)
                ProtoReader.ReadAttribute(bytes, log.Attributes);
        });
        return log;
    }
}
