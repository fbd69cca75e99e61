using System.Globalization;
using Grid.Server.Terminals;
using Spectre.Console;

namespace Grid.Server.Bench.Sync;

/// <summary>A report as a table.</summary>
internal static class SyncBenchTable
{
    public static void Show(SyncBenchReport report)
    {
        SyncRound grid = report.Median;
        SyncSiloReport primary = grid.Primary!;
        double dataBytes = report.DataBytes;
        Table table = new Table().Border(TableBorder.Simple)
            .AddColumn(string.Create(CultureInfo.InvariantCulture, $"{report.Data}: {report.Records:N0} records, {dataBytes / 1e6:N0} MB, {report.Compression}, {report.Link}"))
            .AddColumn(new TableColumn("grid").RightAligned())
            .AddColumn(new TableColumn("redis-server").RightAligned());
        Row(table, "full sync, seconds", grid.Seconds, report.Redis?.Seconds, "0.00");
        table.AddRow("  of a silo that has just joined", Text(report.Joined.Seconds, "0.00"), "");
        table.AddRow("  all rounds", string.Join(' ', report.Grid.Select(static round => Text(round.Seconds, "0.00"))), "");
        if (report.Ratio is { } ratio)
            table.AddRow("  grid / redis-server", Text(ratio, "0.00"), "");
        Row(table, "  MB of data per second", dataBytes / 1e6 / grid.Seconds, report.Redis is null ? null : dataBytes / 1e6 / report.Redis.Seconds, "N0");
        Row(table, "bytes of the snapshots, MB", primary.RawBytes / 1e6, null, "N0");
        Row(table, "  on the wire, MB", primary.WireBytes / 1e6, null, "N0");
        Row(table, "  on the wire / raw, percent", 100.0 * primary.WireBytes / Math.Max(1, primary.RawBytes), null, "0.0");
        Row(table, "foreground p50 before, ms", grid.Before.P50Ms, report.Redis?.Before.P50Ms, "0.00");
        Row(table, "  p99 before", grid.Before.P99Ms, report.Redis?.Before.P99Ms, "0.00");
        Row(table, "  longest before", grid.Before.MaxMs, report.Redis?.Before.MaxMs, "0.0");
        Row(table, "  p50 meanwhile", grid.During.P50Ms, report.Redis?.During.P50Ms, "0.00");
        Row(table, "  p99 meanwhile", grid.During.P99Ms, report.Redis?.During.P99Ms, "0.00");
        Row(table, "  p99 meanwhile / before", grid.During.P99Ms / grid.Before.P99Ms, report.Redis?.During.P99Ms / report.Redis?.Before.P99Ms, "0.0");
        Row(table, "  longest meanwhile", grid.During.MaxMs, report.Redis?.During.MaxMs, "0.0");
        Row(table, "  failed", grid.During.Failed, report.Redis?.During.Failed, "N0");
        Row(table, "primary: resident beyond the beginning, MiB", Mebibytes(primary.ResidentPeakBytes - primary.ResidentBytes), null, "N0");
        Row(table, "  counted by the grid, MiB", Mebibytes(primary.AccountedPeakBytes), null, "N0");
        Row(table, "  bound: 5% of the data + 64 MiB", Mebibytes(dataBytes * 0.05) + 64, null, "N0");
        Row(table, "  processor, seconds", primary.CpuMs / 1e3, null, "0.00");
        Row(table, "  stopped by the collector, ms", primary.GcPauseMs, null, "0.0");
        Row(table, "replica: processor, seconds", grid.Replica!.CpuMs / 1e3, null, "0.00");
        Row(table, "  stopped by the collector, ms", grid.Replica!.GcPauseMs, null, "0.0");
        table.AddRow("a silo that has just joined: foreground p99 before, meanwhile, longest", $"{Text(report.Joined.Before.P99Ms, "0.00")} {Text(report.Joined.During.P99Ms, "0.00")} {Text(report.Joined.During.MaxMs, "0.0")}", "");
        table.AddRow(
            "  its processor seconds, and of them compiling: primary, replica",
            $"{Text(report.Joined.Primary!.CpuMs / 1e3, "0.00")} {Text(report.Joined.Primary.CompilingMs / 1e3, "0.00")} {Text(report.Joined.Replica!.CpuMs / 1e3, "0.00")} {Text(report.Joined.Replica.CompilingMs / 1e3, "0.00")}",
            "");
        table.AddRow("copies equal", report.CopiesEqual ? "yes" : "[red]NO[/]", "");
        Terminal.Out.Write(table);
    }

    private static double Mebibytes(double bytes) => bytes / (1 << 20);

    private static void Row(Table table, string name, double? grid, double? redis, string format) => table.AddRow(name, Text(grid, format), Text(redis, format));

    private static string Text(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "";
}
