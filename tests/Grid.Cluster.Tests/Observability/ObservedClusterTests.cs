using System.Text.Json;
using System.Text.RegularExpressions;
using Grid.Cluster.Tests.Server;
using Xunit;

namespace Grid.Cluster.Tests.Observability;

/// <summary>What a dashboard, alerts, traces and logs show of a cluster that has lived through something.</summary>
[Collection(Processes.Name)]
public sealed partial class ObservedClusterTests(ObservedCluster cluster) : IClassFixture<ObservedCluster>
{
    /// <summary>Panels whose values may all be 0: nothing of the kind went wrong, or it was too quick for a scrape.</summary>
    private static readonly string[] MayBeZero =
    [
        "Shards not served", "Operations that fail", "By outcome, but for those that were done", "Local reads by outcome", "Sent again; outcome unknown", "Lag in mutations, to each silo",
        "Lag in bytes, to each silo", "Held for replicas", "Errors at replicas", "Stream bytes and what is queued", "Under way", "Garbage collection", "Takeovers", "Links by phase", "Batches by outcome",
    ];

    public static TheoryData<string, string, string> Queries
    {
        get
        {
            TheoryData<string, string, string> queries = [];
            foreach ((string panel, string legend, string expression) in Dashboard.Queries())
                queries.Add(panel, legend, expression);
            return queries;
        }
    }

    public static TheoryData<string> RuledMetrics =>
        [.. Directory.GetFiles(Path.Combine(Deployed.Observability, "rules"), "*.yml")
            .SelectMany(static file => File.ReadLines(file).Where(static line => !line.TrimStart().StartsWith('#') && !line.Contains("description:", StringComparison.Ordinal)))
            .SelectMany(static line => Metric().Matches(line))
            .Select(static match => match.Value)
            .Distinct()
            .Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Queries))]
    public async Task Every_query_of_the_dashboard_gives_data(string panel, string legend, string expression)
    {
        string asked = expression.Replace("$job", "grid", StringComparison.Ordinal)
            .Replace("$__rate_interval", "5s", StringComparison.Ordinal)
            .Replace("$__range", "2m", StringComparison.Ordinal);
        Assert.DoesNotContain("$", asked, StringComparison.Ordinal);
        List<(string Labels, double[] Values)> series = await cluster.Prometheus.RangeAsync(asked, cluster.Began, cluster.Ended);
        double[] values = [.. series.SelectMany(static one => one.Values).Where(double.IsFinite)];
        Assert.True(values.Length > 0, $"'{panel}' ({legend}) shows nothing: {asked}");
        if (!MayBeZero.Contains(panel))
            Assert.True(values.Any(static value => value > 0), $"'{panel}' ({legend}) shows zeros only: {asked}");
        Assert.All(values, value => Assert.True(value >= 0, $"'{panel}' shows {value}: {asked}"));
        if (legend.Contains("{{", StringComparison.Ordinal))
            Assert.All(series, one => Assert.All(LabelsOf(legend), label => Assert.Contains($"\"{label}\":", one.Labels, StringComparison.Ordinal)));
    }

    [Theory]
    [MemberData(nameof(RuledMetrics))]
    public async Task Every_metric_that_the_rules_ask_for_is_there(string metric)
    {
        List<(string Labels, double[] Values)> series = await cluster.Prometheus.RangeAsync($"count({metric})", cluster.Began, cluster.Ended);
        Assert.True(series.Count == 1, $"No silo has {metric}.");
    }

    [Fact]
    public async Task The_failover_alert_fires_and_that_of_the_lost_silo_has_come_and_gone()
    {
        await cluster.Prometheus.UntilAsync("the failover is told of", "max(ALERTS{alertname=\"GridFailover\", alertstate=\"firing\"})", static value => value == 1);
        List<(string Labels, double[] Values)> down = await cluster.Prometheus.RangeAsync(cluster.SiloDownAlert, cluster.Began, cluster.Ended);
        Assert.Single(down);
        Assert.Null(await cluster.Prometheus.ValueAsync(cluster.SiloDownAlert));
    }

    [Fact]
    public async Task A_write_is_one_trace_from_its_caller_to_the_replicas_acknowledgement()
    {
        ReceivedSpan[] trace = await TraceAsync(cluster.WriteTrace, "caller", "set observed", "grid.batch", "grid.front", "grid.shard", "grid.replicate");
        ReceivedSpan caller = One(trace, "caller");
        ReceivedSpan call = One(trace, "set observed");
        Assert.Equal(caller.SpanId, call.ParentId);
        Assert.Equal(("grid", "observed", "set"), (call.Attributes["db.system.name"], call.Attributes["db.collection.name"], call.Attributes["db.operation.name"]));

        // Where the client did not know the reign yet the first batch is refused; one that came to another silo's front is passed on to a second.
        ReceivedSpan shard = trace.Single(static span => span is { Name: "grid.shard", Failed: false });
        List<ReceivedSpan> way = [shard];
        while (trace.FirstOrDefault(span => span.SpanId == way[^1].ParentId) is { } above)
            way.Add(above);
        Assert.Matches("^grid.shard(,grid.front){1,2},grid.batch,set observed,caller$", string.Join(',', way.Select(static span => span.Name)));
        ReceivedSpan front = way[1];
        ReceivedSpan batch = way[^3];
        ReceivedSpan replicate = One(trace, "grid.replicate");
        Assert.Equal(shard.SpanId, replicate.ParentId);
        Assert.StartsWith("silo-", front.Silo, StringComparison.Ordinal);
        Assert.Equal(front.Silo, shard.Silo);
        Assert.True(long.Parse(shard.Attributes["grid.epoch"], System.Globalization.CultureInfo.InvariantCulture) > 0);
        Assert.Equal(batch.Attributes["grid.shard"], shard.Attributes["grid.shard"]);
        Assert.True(batch.Began <= front.Began && front.Began <= shard.Began && replicate.Ended <= shard.Ended + 50_000_000, "The spans do not lie in each other.");
        Assert.False(shard.Failed);
    }

    [Fact]
    public async Task A_write_by_hand_is_a_trace_too()
    {
        await cluster.RunTracedAsync("set", "by-hand", "hello", "--keyspace", "traced");
        ReceivedSpan? Found() => cluster.Receiver.Spans.FirstOrDefault(static span => span.Name == "set traced");
        await Until.TrueAsync("the tool's span was received", () => Found() is not null);
        ReceivedSpan[] trace = await TraceAsync(Found()!.TraceId, "set traced", "grid.batch", "grid.shard", "grid.replicate");
        Assert.Equal("", One(trace, "set traced").ParentId);
        Assert.StartsWith("silo-", trace.Single(static span => span is { Name: "grid.shard", Failed: false }).Silo, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_full_sync_is_one_trace_with_its_phases_on_both_silos()
    {
        ReceivedSpan? Found() => cluster.Receiver.Spans.FirstOrDefault(sync => sync.Name == "grid.sync" && sync.Attributes.GetValueOrDefault("grid.sync.kind") == "full" && !sync.Failed
            && cluster.Receiver.Spans.Any(span => span.TraceId == sync.TraceId && span.Name == "grid.sync.snapshot" && span.Attributes.ContainsKey("grid.sync.entries")));
        await Until.TrueAsync("a full sync and its snapshot were received", () => Found() is not null);
        ReceivedSpan sync = Found()!;
        ReceivedSpan[] trace = await TraceAsync(sync.TraceId, "grid.sync", "grid.sync.window", "grid.sync.snapshot", "grid.sync.load");
        Assert.All(trace.Where(static span => span.Name != "grid.sync"), span => Assert.Equal(sync.SpanId, span.ParentId));
        Assert.Equal(sync.Silo, One(trace, "grid.sync.load").Silo);
        ReceivedSpan snapshot = One(trace, "grid.sync.snapshot");
        Assert.NotEqual(sync.Silo, snapshot.Silo);
        Assert.Equal(("lz4", "every_member_decodes"), (snapshot.Attributes["grid.codec"], snapshot.Attributes["grid.codec.reason"]));
        Assert.True(One(trace, "grid.sync.window").Began >= sync.Began - 50_000_000, "The window began before the sync.");
        Assert.Equal("", sync.ParentId);
    }

    [Fact]
    public async Task Logs_and_metrics_are_exported_too_with_shard_and_epoch_as_fields()
    {
        await Until.TrueAsync("a log of a reign has come", () => cluster.Receiver.Logs.Any(static log => log.Attributes.GetValueOrDefault("What") == "ReignBegan"));
        ReceivedLog reign = cluster.Receiver.Logs.First(static log => log.Attributes.GetValueOrDefault("What") == "ReignBegan");
        Assert.Contains(reign.Attributes["Shard"], reign.Body, StringComparison.Ordinal);
        Assert.NotEqual("0", reign.Attributes["Epoch"]);
        Assert.StartsWith("silo-", reign.Silo, StringComparison.Ordinal);
        await Until.TrueAsync("metrics have come", () => cluster.Receiver.RequestsTo("/v1/metrics") > 0);
        Assert.Null(cluster.Receiver.Fault);
    }

    private async Task<ReceivedSpan[]> TraceAsync(string id, params string[] names)
    {
        ReceivedSpan[] trace = [];
        await Until.TrueAsync(
            () => names.All((trace = [.. cluster.Receiver.Spans.Where(span => span.TraceId == id)]).Select(static span => span.Name).Contains),
            () => $"the trace has {string.Join(", ", trace.Select(static span => span.Name))} of {string.Join(", ", names)}");
        return trace;
    }

    private static ReceivedSpan One(ReceivedSpan[] trace, string name)
    {
        ReceivedSpan[] found = [.. trace.Where(span => span.Name == name)];
        Assert.True(found.Length == 1, $"{found.Length} spans '{name}' in {string.Join(", ", trace.Select(static span => $"{span.Silo}/{span.Name}"))}");
        return found[0];
    }

    /// <summary>A metric of a silo, and no label of one nor the name of a recorded series.</summary>
    [GeneratedRegex(@"(?<![:\w])(grid|dotnet)_\w+(?=\{|\)|\[| |$)(?!\s*(=(?!=)|!))(?<!grid_(shard|keyspace|operation|outcome|silo))")]
    private static partial Regex Metric();

    private static IEnumerable<string> LabelsOf(string legend) =>
        legend.Split("{{").Skip(1).Select(static part => part.Split("}}")[0]);
}

/// <summary>The dashboard's queries.</summary>
internal static class Dashboard
{
    /// <summary>The file.</summary>
    public static string File => Path.Combine(Deployed.Observability, "dashboards", "grid.json");

    /// <summary>Each with its panel's title and its legend.</summary>
    public static IEnumerable<(string Panel, string Legend, string Expression)> Queries()
    {
        using JsonDocument dashboard = JsonDocument.Parse(System.IO.File.ReadAllText(File));
        foreach (JsonElement panel in dashboard.RootElement.GetProperty("panels").EnumerateArray())
        {
            if (!panel.TryGetProperty("targets", out JsonElement targets))
                continue;
            foreach (JsonElement target in targets.EnumerateArray())
                yield return (panel.GetProperty("title").GetString()!, target.GetProperty("legendFormat").GetString()!, target.GetProperty("expr").GetString()!);
        }

        foreach (JsonElement annotation in dashboard.RootElement.GetProperty("annotations").GetProperty("list").EnumerateArray())
            yield return (annotation.GetProperty("name").GetString()!, annotation.GetProperty("textFormat").GetString()!, annotation.GetProperty("expr").GetString()!);
    }
}
