using System.Diagnostics;
using System.Globalization;
using Grid.Client.Contracts.Operator;
using Grid.Server.Clusters;
using Grid.Server.Terminals;
using Spectre.Console;
using Spectre.Console.Rendering;
using SiloStatus = Grid.Client.Contracts.Operator.SiloStatus;

namespace Grid.Server.Status;

/// <summary>Lays a status out for people. Keeps the last one, so that running syncs have a rate.</summary>
internal sealed class StatusView(bool all)
{
    private const int ShardsShownMax = 64;
    private const int DecisionsShownMax = 4;
    private const int ShardsNamedMax = 8;

    private Dictionary<(int Shard, string Silo), Progress> _before = [];
    private Dictionary<(int Shard, string Silo), Progress> _now = [];

    /// <summary>Whether a snapshot is on its way to a copy.</summary>
    public static bool IsSyncing(ClusterStatus status) => status.Shards.SelectMany(shard => shard.Copies).Any(copy => copy.State == "Loading" || copy.LoadedRawBytes > 0);

    /// <summary>Takes a status in.</summary>
    public void Observe(ClusterStatus status, long timestamp)
    {
        _before = _now;
        _now = status.Shards.SelectMany(shard => shard.Copies).ToDictionary(copy => (copy.Shard, copy.Silo), copy => new Progress(timestamp, copy.LoadedRawBytes, copy.LoadedWireBytes));
    }

    /// <summary>The whole picture.</summary>
    public IRenderable Render(ClusterStatus status)
    {
        Dictionary<string, string> names = status.Silos.ToDictionary(silo => silo.Address, silo => silo.Name);
        List<IRenderable> parts = [Silos(status)];
        ShardStatus[] shown = [.. status.Shards.Where(shard => all || status.Shards.Count <= ShardsShownMax || !IsWell(shard, status.Replicas))];
        if (shown.Length > 0)
            parts.Add(Shards(shown, status.Replicas, names));
        parts.Add(new Markup(Markup.Escape(Summary(status))));
        if (LastWindows(status, names) is { Length: > 0 } decided)
            parts.Add(new Markup(Markup.Escape($"Last full syncs: {decided}.")));
        if (status.Rebalance is { } rebalance)
            parts.Add(new Markup(Markup.Escape(Rebalance(rebalance))));
        parts.AddRange(status.Warnings.Select(warning => new Markup($"[yellow]! {Markup.Escape(warning)}[/]")));
        return new Rows(parts);
    }

    /// <summary>Online: served, and as many copies in sync as are wanted.</summary>
    public static bool IsWell(ShardStatus shard, int replicas) => shard.Primary is not null && shard.InSync.Count > replicas;

    private static Table Silos(ClusterStatus status)
    {
        Table table = new Table().Border(TableBorder.Simple).AddColumns("Silo", "Address", "State");
        bool zones = status.Silos.Any(silo => silo.Zone.Length > 0);
        if (zones)
            table.AddColumn("Zone");
        foreach (string number in (string[])["Primaries", "Replicas", "Data"])
            table.AddColumn(new TableColumn(number).RightAligned());
        foreach (SiloStatus silo in status.Silos)
        {
            string[] row =
            [
                Markup.Escape(silo.Name),
                Markup.Escape(silo.Address.Split('@')[0]),
                State(silo),
                .. zones ? (string[])[Markup.Escape(silo.Zone)] : [],
                silo.Primaries.ToString(CultureInfo.InvariantCulture),
                silo.Replicas.ToString(CultureInfo.InvariantCulture),
                Amounts.Bytes(silo.DataBytes),
            ];
            table.AddRow(row);
        }

        return table;
    }

    private static string State(SiloStatus silo) => silo switch
    {
        { State: "Active", Draining: true } => "[yellow]Draining[/]",
        { State: "Active" } => "[green]Active[/]",
        _ => $"[yellow]{Markup.Escape(silo.State)}[/]",
    };

    private static string Rebalance(RebalanceStatus rebalance)
    {
        if (rebalance.Left == 0)
        {
            return rebalance.State switch
            {
                "Paused" => "Rebalance: paused (Grid:Rebalance is false).",
                "Waiting" => "Rebalance: waits, the cluster has just changed.",
                _ => "Rebalance: nothing to move.",
            };
        }

        string remaining = rebalance.RemainingMs is { } ms ? string.Create(CultureInfo.InvariantCulture, $", about {Math.Max(1, ms / 1000)} s to go") : "";
        return string.Create(CultureInfo.InvariantCulture, $"Rebalance: {rebalance.Left} shards to move, {rebalance.Moving} of them under way, {rebalance.Done} done; {Amounts.Bytes(rebalance.BytesLeft)} to copy{remaining}.");
    }

    private Table Shards(IEnumerable<ShardStatus> shards, int replicas, Dictionary<string, string> names)
    {
        Table table = new Table().Border(TableBorder.Simple);
        table.AddColumn(new TableColumn("Shard").RightAligned());
        table.AddColumn(new TableColumn("Epoch").RightAligned());
        table.AddColumn("Primary");
        table.AddColumn(new TableColumn("Log end").RightAligned());
        table.AddColumn(new TableColumn("Committed").RightAligned());
        table.AddColumn(new TableColumn("Entries").RightAligned());
        table.AddColumn("In sync");
        table.AddColumn("Replicas");
        foreach (ShardStatus shard in shards)
        {
            string inSync = string.Create(CultureInfo.InvariantCulture, $"{shard.InSync.Count}/{replicas + 1}");
            table.AddRow(
                shard.Shard.ToString(CultureInfo.InvariantCulture),
                shard.Epoch.ToString(CultureInfo.InvariantCulture),
                shard.Primary is { } primary ? Markup.Escape(names.GetValueOrDefault(primary, primary)) + (shard.Pinned ? ", by hand" : "") : $"[red]none: {Markup.Escape(shard.Problem ?? "not known")}[/]",
                Amounts.Count(shard.LogEnd),
                Amounts.Count(shard.Committed),
                Amounts.Count(shard.Copies.Where(copy => copy.IsPrimary || shard.Primary is null).Select(copy => copy.Entries).DefaultIfEmpty().Max()),
                IsWell(shard, replicas) ? $"[green]{inSync}[/]" : $"[yellow]{inSync}[/]",
                string.Join("; ", shard.Copies.Where(copy => !copy.IsPrimary).Select(copy => Replica(copy, shard, names))));
        }

        return table;
    }

    private string Replica(CopyStatus copy, ShardStatus shard, Dictionary<string, string> names)
    {
        string text = Markup.Escape(names.GetValueOrDefault(copy.Silo, copy.Silo)) + (copy.Faulted ? " [red]faulted[/]" : "");
        if (copy.LoadedRawBytes > 0 || copy.State == "Loading")
            return $"{text} [yellow]syncing {Amounts.Count(copy.LoadedEntries)} entries, {Amounts.Bytes(copy.LoadedRawBytes)} ({Amounts.Bytes(copy.LoadedWireBytes)} on the wire){RateOf(copy)}; {Markup.Escape(SiloNames.InText(shard.LastWindow, silo => names.GetValueOrDefault(silo, silo)))}[/]";
        bool online = shard.InSync.Contains(copy.Silo);
        text += online ? " [green]online[/]" : $" [yellow]{Markup.Escape(copy.Phase.ToLowerInvariant())}[/]";
        text += string.Create(CultureInfo.InvariantCulture, $", lag {Math.Max(0, shard.LogEnd - copy.LogEnd)}");
        LinkStatus? link = shard.Links.FirstOrDefault(link => link.Silo == copy.Silo);
        if (link is { Phase: "Waiting" or "Leaving" })
            text += " [yellow]waits for a snapshot[/]";
        if (link is { Phase: "Online" })
            text += $", {link.Codec}{(link.BackingOff ? " (paused: incompressible)" : "")}";
        return text;
    }

    private string RateOf(CopyStatus copy)
    {
        if (!_before.TryGetValue((copy.Shard, copy.Silo), out Progress before) || !_now.TryGetValue((copy.Shard, copy.Silo), out Progress now) || now.RawBytes <= before.RawBytes)
            return "";
        return $", {Amounts.ByteRate(now.RawBytes - before.RawBytes, Stopwatch.GetElapsedTime(before.Timestamp, now.Timestamp))}";
    }

    private static string Summary(ClusterStatus status)
    {
        int well = status.Shards.Count(shard => IsWell(shard, status.Replicas));
        long entries = status.Shards.Sum(shard => shard.Copies.Where(copy => copy.IsPrimary).Sum(copy => copy.Entries));
        string online = well == status.Shards.Count ? "all online" : string.Create(CultureInfo.InvariantCulture, $"{well} online");
        return string.Create(CultureInfo.InvariantCulture, $"{status.Shards.Count} shards, {online} ({status.Replicas + 1} copies wanted); {entries:N0} entries.");
    }

    /// <summary>What the shards' last sync windows decided: what most of them did, and by number who did otherwise.</summary>
    private static string LastWindows(ClusterStatus status, Dictionary<string, string> names)
    {
        IGrouping<string, ShardStatus>[] decisions = [.. status.Shards
            .Where(static shard => shard.Window is not null)
            .GroupBy(shard => Decision(shard.Window!, names), StringComparer.Ordinal)
            .OrderByDescending(static group => group.Count())
            .ThenBy(static group => group.First().Shard)];
        IEnumerable<string> told = decisions.Take(DecisionsShownMax).Select((group, i) => i == 0
            ? string.Create(CultureInfo.InvariantCulture, $"{group.Key} ({group.Count()} {(group.Count() == 1 ? "shard" : "shards")})")
            : $"{group.Key} ({(group.Count() == 1 ? "shard" : "shards")} {string.Join(", ", group.Take(ShardsNamedMax).Select(static shard => shard.Shard))}{(group.Count() > ShardsNamedMax ? " ..." : "")})");
        return string.Join("; ", told) + (decisions.Length > DecisionsShownMax ? "; others, see --json" : "");
    }

    private static string Decision(SyncWindowStatus window, Dictionary<string, string> names)
    {
        string why = window.Reason switch
        {
            "compression_off" => "plaintext, compression is off",
            "member_cannot_decode" => $"plaintext, {Names(window.CannotDecode)} cannot decode lz4",
            _ => "lz4, every member decodes it",
        };
        return window.LeftForNext.Count == 0 ? why : $"{why}, {Names(window.LeftForNext)} left for the next";

        string Names(IEnumerable<string> silos) => string.Join(" and ", silos.Select(silo => names.GetValueOrDefault(silo, silo)));
    }

    private readonly record struct Progress(long Timestamp, long RawBytes, long WireBytes);
}
