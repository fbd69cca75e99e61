using System.Diagnostics;
using System.Globalization;
using Grid.Client.Contracts.Operator;
using Grid.Server.Status;
using Grid.Server.Terminals;
using Spectre.Console;
using Spectre.Console.Rendering;
using SiloStatus = Grid.Client.Contracts.Operator.SiloStatus;

namespace Grid.Server.Top;

/// <summary>Lays a look at the cluster out. Keeps the last one, so that running syncs have a rate.</summary>
internal sealed class TopView
{
    /// <summary>The table of silos: what matters least gives way where the terminal is narrow.</summary>
    private static readonly SiloColumn[] Columns =
    [
        new("Silo", 0, false, static look => Markup.Escape(look.Silo.Name)),
        new("State", 0, false, static look => StateOf(look)),
        new("Zone", 100, false, static look => Markup.Escape(look.Silo.Zone)),
        new("Prim", 0, true, static look => look.Silo.Primaries.ToString(CultureInfo.InvariantCulture)),
        new("Repl", 0, true, static look => look.Silo.Replicas.ToString(CultureInfo.InvariantCulture)),
        new("ops/s", 0, true, static look => Amounts.Count(look.Last.Reads + look.Last.Writes)),
        new("p50", 120, true, static look => Micros(look.Last.P50Us)),
        new("p99", 0, true, static look => Micros(look.Last.P99Us)),
        new("CPU", 120, true, static look => look.Last.Processors.ToString("0.0", CultureInfo.InvariantCulture)),
        new("Data", 0, true, static look => Amounts.Bytes(look.Silo.DataBytes)),
        new("Process", 120, true, static look => Amounts.Bytes(look.Last.ProcessBytes)),
        new("Lag", 90, true, static look => Amounts.Count(look.Last.LagMutations)),
        new("Operations, 30 s", 140, false, static look => $"[blue]{Curve([.. look.Samples?.Samples.TakeLast(CurveSamples).Select(static sample => sample.Reads + sample.Writes) ?? []])}[/]"),
    ];

    private const int SyncsShownMax = 8;
    private const int CurveSamples = 30;
    private const int BarWidth = 20;
    private const string Steps = "▁▂▃▄▅▆▇█";

    private TopPicture? _before;
    private TopPicture? _now;

    /// <summary>Takes a look in.</summary>
    public void Observe(TopPicture picture) => (_before, _now) = (_now, picture);

    /// <summary>The whole picture.</summary>
    public IRenderable Render(TopPicture picture, int eventsMax)
    {
        List<IRenderable> parts = [new Markup(Headline(picture)), Silos(picture)];
        if (Syncs(picture) is { } syncs)
            parts.Add(syncs);
        parts.AddRange(picture.Status.Warnings.Take(3).Select(static warning => new Markup($"[yellow]! {Markup.Escape(warning)}[/]")));
        EventPrinter printer = new(picture.Status.Silos, json: false);
        parts.Add(new Markup($"{Environment.NewLine}[bold]Recent events[/]"));
        parts.AddRange(picture.Events.Events.Count == 0 ? [new Text("  none")] : picture.Events.Events.TakeLast(eventsMax).Reverse().Select(happened => new Markup(printer.Line(happened, Terminal.Out.Profile.Width))));
        return new Rows(parts);
    }

    /// <summary>A curve of bars, as high as the highest.</summary>
    public static string Curve(IReadOnlyList<double> values)
    {
        double most = values.DefaultIfEmpty().Max();
        return string.Concat(values.Select(value => most <= 0 ? Steps[0] : Steps[(int)Math.Min(Steps.Length - 1, value / most * Steps.Length)]));
    }

    private static string Headline(TopPicture picture)
    {
        ClusterStatus status = picture.Status;
        int served = status.Shards.Count(static shard => shard.Primary is not null);
        int whole = status.Shards.Count(shard => StatusView.IsWell(shard, status.Replicas));
        SiloSample[] last = [.. picture.Samples.Where(static silo => silo.Samples.Count > 0).Select(static silo => silo.Samples[^1])];
        string health = served < status.Shards.Count ? "[red bold]✕ shards not served[/]" : whole < status.Shards.Count ? "[yellow bold]! too few copies[/]" : "[green bold]✓ all well[/]";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"[bold]Grid[/]  {health}  {served}/{status.Shards.Count} shards served, {whole} whole   [bold]{Amounts.Count(last.Sum(static sample => sample.Reads + sample.Writes))}[/] ops/s ({Amounts.Count(last.Sum(static sample => sample.Reads))} reads, {Amounts.Count(last.Sum(static sample => sample.Writes))} writes, {Amounts.Count(last.Sum(static sample => sample.Failed))} failed)   p99 [bold]{Micros(last.Select(static sample => sample.P99Us).DefaultIfEmpty().Max())}[/]   data [bold]{Amounts.Bytes(status.Silos.Sum(static silo => silo.DataBytes))}[/]");
    }

    private static Table Silos(TopPicture picture)
    {
        SiloColumn[] shown = [.. Columns.Where(static column => Terminal.Out.Profile.Width >= column.WidthLeast)];
        Table table = new Table().Border(TableBorder.Simple);
        foreach (SiloColumn column in shown)
            table.AddColumn(column.IsNumber ? new TableColumn(column.Name).NoWrap().RightAligned() : new TableColumn(column.Name).NoWrap());
        foreach (SiloStatus silo in picture.Status.Silos)
        {
            SiloSamples? samples = picture.Samples.FirstOrDefault(known => known.Silo == silo.Address);
            SiloLook look = new(silo, samples, samples is { Samples.Count: > 0 } ? samples.Samples[^1] : new SiloSample { Time = default });
            table.AddRow([.. shown.Select(column => column.Cell(look))]);
        }

        return table;
    }

    private static string StateOf(SiloLook look) =>
        look.Samples is { Answered: false } ? "[red]No answer[/]"
        : look.Silo.Draining ? "[yellow]Draining[/]"
        : look.Silo.State == "Active" ? "[green]Active[/]"
        : $"[yellow]{Markup.Escape(look.Silo.State)}[/]";

    private Table? Syncs(TopPicture picture)
    {
        Dictionary<string, string> names = picture.Status.Silos.ToDictionary(static silo => silo.Address, static silo => silo.Name);
        (ShardStatus Shard, CopyStatus Copy)[] running = [.. picture.Status.Shards.SelectMany(static shard => shard.Copies.Where(static copy => copy.State == "Loading" || copy.LoadedRawBytes > 0).Select(copy => (shard, copy)))];
        if (running.Length == 0)
            return null;
        Table table = new Table().Border(TableBorder.Simple).Title($"[bold]Full syncs under way: {running.Length}[/]").AddColumns("Shard", "To", "Progress");
        foreach (string number in (string[])["Entries", "Speed", "Wire", "Time left"])
            table.AddColumn(new TableColumn(number).RightAligned());
        foreach ((ShardStatus shard, CopyStatus copy) in running.Take(SyncsShownMax))
        {
            long total = Math.Max(shard.Copies.Where(static one => one.IsPrimary).Select(static one => one.Entries).DefaultIfEmpty().Max(), Math.Max(1, copy.LoadedEntries));
            double part = copy.LoadedEntries / (double)total;
            (double bytes, double entries) = RateOf(copy);
            int full = (int)(part * BarWidth);
            table.AddRow(
                shard.Shard.ToString(CultureInfo.InvariantCulture),
                Markup.Escape(names.GetValueOrDefault(copy.Silo, copy.Silo)),
                string.Create(CultureInfo.InvariantCulture, $"[yellow]{new string('█', full)}[/]{new string('░', BarWidth - full)} {part:P0}"),
                Amounts.Count(copy.LoadedEntries),
                bytes > 0 ? $"{Amounts.Bytes(bytes)}/s" : "",
                copy.LoadedRawBytes > 0 ? string.Create(CultureInfo.InvariantCulture, $"{copy.LoadedWireBytes / (double)copy.LoadedRawBytes:P0}") : "",
                entries > 0 ? string.Create(CultureInfo.InvariantCulture, $"{(total - copy.LoadedEntries) / entries:0} s") : "");
        }

        return table;
    }

    private (double Bytes, double Entries) RateOf(CopyStatus copy)
    {
        if (_before is not { } before || _now is not { } now || before.Status.Shards[copy.Shard].Copies.FirstOrDefault(one => one.Silo == copy.Silo) is not { } then || then.LoadedEntries > copy.LoadedEntries)
            return default;
        double seconds = Math.Max(0.001, Stopwatch.GetElapsedTime(before.Timestamp, now.Timestamp).TotalSeconds);
        return ((copy.LoadedRawBytes - then.LoadedRawBytes) / seconds, (copy.LoadedEntries - then.LoadedEntries) / seconds);
    }

    private static string Micros(double micros) => micros switch
    {
        0 => "-",
        < 1000 => string.Create(CultureInfo.InvariantCulture, $"{micros:0} us"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{micros / 1000:0.#} ms"),
    };
}

/// <summary>A silo as the table shows it.</summary>
internal readonly record struct SiloLook(SiloStatus Silo, SiloSamples? Samples, SiloSample Last);

/// <summary>A column of the table of silos.</summary>
/// <param name="Name">Its head.</param>
/// <param name="WidthLeast">From which width of the terminal it is shown.</param>
/// <param name="IsNumber">Whether it stands to the right.</param>
/// <param name="Cell">What is in it.</param>
internal sealed record SiloColumn(string Name, int WidthLeast, bool IsNumber, Func<SiloLook, string> Cell);
