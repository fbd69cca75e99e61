using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Grid.Client;
using Grid.Client.Telemetry;
using Grid.Cluster.Tests.Replication;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Grid.Cluster.Tests.Observability;

/// <summary>The page that lists every instrument, held against those that a running silo and its client have.</summary>
public sealed class InstrumentsPageTests
{
    /// <summary>A row of the page.</summary>
    private sealed record Row(string Name, string Kind, string Unit, string[] Attributes);

    [Fact]
    public async Task The_page_lists_every_instrument_with_its_kind_unit_and_attributes()
    {
        ConcurrentDictionary<string, (string Kind, string Unit)> real = new();
        ConcurrentDictionary<(string Instrument, string Attribute), bool> attributes = new();
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name != GridTelemetry.MeterName)
                return;
            real[instrument.Name] = (KindOf(instrument), instrument.Unit ?? "");
            l.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, _, tags, _) => Note(instrument, tags));
        listener.SetMeasurementEventCallback<int>((instrument, _, tags, _) => Note(instrument, tags));
        listener.SetMeasurementEventCallback<double>((instrument, _, tags, _) => Note(instrument, tags));
        listener.Start();
        await using (GridCluster cluster = await GridCluster.StartAsync(2, static options => (options.ShardCount, options.SyncWindowMs) = (2, 20)))
        {
            IKeyspace keyspace = cluster.ServicesOf(cluster.Silos[0]).GetRequiredService<IGrid>().GetKeyspace("instruments");
            await keyspace.SetAsync("key"u8.ToArray(), "value"u8.ToArray(), cancellationToken: TestContext.Current.CancellationToken);
            await Until.TrueAsync("a replica has synced", () => attributes.ContainsKey(("grid.sync.duration", "grid.sync.kind")));
            listener.RecordObservableInstruments();
        }

        Row[] page = [.. Rows()];
        Assert.Equal(page.Length, page.DistinctBy(static row => row.Name).Count());
        Assert.Equal(
            real.Select(static pair => $"{pair.Key} | {pair.Value.Kind} | {pair.Value.Unit}").Order(StringComparer.Ordinal),
            page.Select(static row => $"{row.Name} | {row.Kind} | {row.Unit}").Order(StringComparer.Ordinal));
        string[] unlisted = [.. attributes.Keys.Where(pair => !page.Single(row => row.Name == pair.Instrument).Attributes.Contains(pair.Attribute)).Select(static pair => $"{pair.Instrument}: {pair.Attribute}")];
        Assert.Empty(unlisted);

        void Note(Instrument instrument, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            foreach (KeyValuePair<string, object?> tag in tags)
                attributes[(instrument.Name, tag.Key)] = true;
        }
    }

    private static string KindOf(Instrument instrument)
    {
        string type = instrument.GetType().Name.Split('`')[0];
        return type.Replace("Observable", "", StringComparison.Ordinal) switch
        {
            "Counter" => "counter",
            "UpDownCounter" => "up-down counter",
            "Gauge" => "gauge",
            "Histogram" => "histogram",
            _ => type,
        };
    }

    private static IEnumerable<Row> Rows()
    {
        foreach (string line in File.ReadLines(Path.Combine(Deployed.Root, "src", "Grid.Silo", "Telemetry", "INSTRUMENTS.md")))
        {
            if (!line.StartsWith("| `", StringComparison.Ordinal))
                continue;
            string[] cells = [.. line.Split('|').Select(static cell => cell.Trim())];

            // Instruments have five columns; attributes and spans fewer.
            if (cells.Length == 7)
                yield return new Row(cells[1].Trim('`'), cells[2], cells[3].Trim('`'), [.. cells[4].Split(',').Select(static attribute => attribute.Trim().Trim('`'))]);
        }
    }
}
