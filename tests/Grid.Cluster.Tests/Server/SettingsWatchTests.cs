using System.Globalization;
using Grid.Client.Contracts.Operator;
using Xunit;

namespace Grid.Cluster.Tests.Server;

/// <summary>A configuration file that is edited while the binary runs.</summary>
[Collection(Processes.Name)]
public sealed class SettingsWatchTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task A_valid_change_holds_at_once_and_what_is_wrong_is_told_and_changes_nothing()
    {
        using TemporaryDirectory home = new();
        string directory = home.Sub("grid"), file = Path.Combine(directory, "silo.json");
        Edit(file, """{ "Grid": { "Compression": "Lz4", "SyncWindowMs": 50 } }""");
        await using GridProcesses cluster = await GridProcesses.StartAsync(directory, 2, "--Grid:ShardCount=2", "--Grid:BootstrapSilos=2", "--Grid:Rebalance=false");
        await UntilLinksAreAsync(cluster, "lz4");

        Edit(file, """{ "Grid": { "Compression": "None", "SyncWindowMs": 60 } }""");
        await UntilLinksAreAsync(cluster, "plain");
        await UntilSaidAsync(cluster, "its settings of section Grid hold from now on", times: 1);

        Edit(file, """{ "Grid": { "Compression": "Lz4", """);
        await UntilSaidAsync(cluster, $"was changed, but nothing of it is applied: {file} cannot be read: ", times: 1);
        Edit(file, """{ "Grid": { "Compression": "Zip", "SyncWindowMs": 70 } }""");
        await UntilSaidAsync(cluster, "was changed, but nothing of it is applied: Grid:Compression is 'Zip'", times: 1);
        Edit(file, """{ "Grid": { "Compression": "Lz4", "SyncWindowMs": 70000 } }""");
        await UntilSaidAsync(cluster, "was changed, but nothing of it is applied: Grid:SyncWindowMs is 70000", times: 1);
        Edit(file, """{ "Grid": { "Compression": "Lz4", "BootstrapSilos": 2, "LeaseMs": 900, "RecordStorage": "other" } }""");
        await UntilSaidAsync(cluster, "was changed, but nothing of it is applied: Grid:RecordStorage cannot be changed", times: 1);
        Assert.Equal(["plain", "plain"], Codecs(await cluster.StatusAsync()));

        Edit(file, """{ "Grid": { "Compression": "Lz4", "SyncWindowMs": 80 } }""");
        await UntilLinksAreAsync(cluster, "lz4");
        await UntilSaidAsync(cluster, "its settings of section Grid hold from now on", times: 2);
    }

    /// <summary>As editors and mounted ConfigMaps do: the file is never seen half written.</summary>
    private static void Edit(string file, string content)
    {
        string beside = $"{file}.{content.Length.ToString(CultureInfo.InvariantCulture)}.new";
        File.WriteAllText(beside, content);
        File.Move(beside, file, overwrite: true);
    }

    private static string[] Codecs(ClusterStatus status) => [.. status.Shards.SelectMany(shard => shard.Links.Where(link => link.Phase == "Online").Select(link => link.Codec))];

    private static Task<ClusterStatus> UntilLinksAreAsync(GridProcesses cluster, string codec) =>
        cluster.UntilAsync($"both links are {codec}", Patience, status => GridProcesses.IsWhole(status, copies: 2) && Codecs(status).SequenceEqual([codec, codec]));

    private static async Task UntilSaidAsync(GridProcesses cluster, string text, int times)
    {
        for (int silo = 0; silo < 2; silo++)
        {
            ChildProcess process = cluster.Silo(silo);
            await Until.TrueAsync(() => (process.Output + process.Errors).Split(text).Length > times, () => $"silo {silo} has not said '{text}' {times} time(s):\n{process.Output}{process.Errors}");
        }
    }
}
