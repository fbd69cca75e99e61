using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using Grid.Client;
using Grid.Client.Contracts.Operator;
using Grid.Cluster.Tests.Server;
using Xunit;

namespace Grid.Cluster.Tests.Elastic;

/// <summary>All in-sync copies of a shard die, in processes of their own: it stays unavailable and says so, until an operator goes on without them.</summary>
[Collection(Processes.Name)]
public sealed class LossTests
{
    private const int Survivor = 2;
    private const int Newcomer = 3;
    private const int Kept = 40;
    private const int KeptBytes = 200_000;
    private const int AttemptsMax = 3;
    private static readonly string Old = new('o', KeptBytes);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>A replica that was left out of the set, and cannot go on from the backlog, loads the shard anew beside its old copy: slowly, so that there is time to kill silos.</summary>
    private static readonly string[] Settings =
    [
        "--Grid:ShardCount=4", "--Grid:BootstrapSilos=3", "--Grid:Replicas=2", "--Grid:Rebalance=false", "--Grid:DrainMs=0",
        "--Grid:SyncWindowMs=0", "--Grid:SyncBytesPerSecondMax=1048576", "--Grid:Compression=None", "--Grid:BacklogBytesMax=65536", "--Grid:ReplicaTimeoutMs=400",
    ];

    [Fact]
    public async Task A_shard_goes_on_with_the_whole_copy_that_is_left_and_empty_where_none_is()
    {
        Assert.True(RedisServer.IsInstalled, "This test needs redis-server: apt-get install redis-server lz4");
        using TemporaryDirectory home = new();
        await using RedisServer redis = await RedisServer.StartAsync(home.Sub("redis"));
        Setting setting = await StartAsync(home, redis);
        await using GridProcesses cluster = setting.Cluster;
        (int shard, string tag) = (setting.Shard, setting.Tag);
        await WriteAsync(cluster, 1, tag, "only the lost copies had this");

        // One after the other: a silo alone may not declare two others dead as long as they may have been alive a moment ago.
        cluster.Silo(1).Kill();
        await cluster.UntilAsync("the first silo has the shard", Patience, status => status.Silos.Count == 2 && status.Shards[shard].Primary is not null && status.Shards[shard].InSync.Count == 1);
        cluster.Silo(0).Kill();
        await cluster.ConnectAsync(Survivor);
        await UntilLostAsync(cluster, Survivor, shard);
        Assert.Contains("grid shard accept-loss", (await cluster.RunAsync("doctor")).Expect(1).Output);
        string accepted = (await cluster.RunAsync("shard", "accept-loss", Text(shard), "--yes")).Expect(0).Output;
        Assert.Contains($"is on silo-{Survivor}: {Kept} entries", accepted);
        Assert.Contains("goes on with that copy", accepted);
        for (int i = 0; i < Kept; i++)
            Assert.Equal(Old, await ReadAsync(cluster, $"{tag}{i}"));
        ClusterStatus alone = await cluster.StatusAsync();
        Assert.Equal([alone.Silos.Single(silo => silo.Name == $"silo-{Survivor}").Address], alone.Shards[shard].InSync);

        // A silo that has no whole copy is no help when that one goes too.
        cluster.StartSilo();
        await cluster.UntilAsync("the new silo loads a copy", Patience, status => status.Shards[shard].Links.Any(link => link.Phase == "Syncing"));
        cluster.Silo(Survivor).Kill();
        await cluster.ConnectAsync(Newcomer);
        await UntilLostAsync(cluster, Newcomer, shard);
        accepted = (await cluster.RunAsync("shard", "accept-loss", Text(shard), "--yes")).Expect(0).Output;
        Assert.Contains("would begin anew without any entry", accepted);
        Assert.Contains($"goes on empty on silo-{Newcomer}", accepted);
        Assert.Null(await ReadAsync(cluster, $"{tag}0"));
        await WriteAsync(cluster, 1, tag, "anew");
        Assert.Equal("anew", await ReadAsync(cluster, $"{tag}0"));
        Assert.Contains(await EventsAsync(cluster), text => text.Contains("accepted its loss", StringComparison.Ordinal));
    }

    /// <summary>
    /// Three silos, and a shard of which the third one's copy is whole, but not in the in-sync set any more. On a machine that stood still meanwhile that silo may have
    /// been declared dead, so there is more than one attempt.
    /// </summary>
    private static async Task<Setting> StartAsync(TemporaryDirectory home, RedisServer redis)
    {
        for (int attempt = 1; attempt <= AttemptsMax; attempt++)
        {
            string folder = home.Sub($"grid{attempt}");
            File.WriteAllText(Path.Combine(folder, "silo.json"), $$"""{ "Clustering": { "Provider": "Redis", "ConnectionString": "127.0.0.1:{{redis.Port}},defaultDatabase={{attempt}}" } }""");
            GridProcesses cluster = await GridProcesses.StartAsync(folder, 3, Settings);
            ClusterStatus whole = await cluster.UntilAsync("every shard has three copies", Patience, status => status.Silos.Count == 3 && GridProcesses.IsWhole(status, copies: 3));
            string survivor = whole.Silos.Single(silo => silo.Name == $"silo-{Survivor}").Address;
            (int shard, string tag) = await FillAsync(cluster, survivor);
            await cluster.UntilAsync("all copies have applied that", Patience, status => status.Shards[shard].Copies.All(copy => copy.Entries == Kept));
            for (int freeze = 1; freeze <= AttemptsMax; freeze++)
            {
                if (!await LeaveBehindAsync(cluster, survivor, shard, tag))
                    break;
                if ((await cluster.StatusAsync()).Shards[shard].InSync.Count == 2)
                    return new Setting(cluster, shard, tag);
            }

            await cluster.DisposeAsync();
        }

        throw new InvalidOperationException($"In {AttemptsMax} attempts no silo was left behind alive.");
    }

    /// <summary>Freezes a silo until the others have written more without it than their backlogs hold, for less than it takes to be declared dead.</summary>
    /// <returns>False when it was declared dead all the same.</returns>
    private static async Task<bool> LeaveBehindAsync(GridProcesses cluster, string silo, int shard, string tag)
    {
        cluster.Silo(Survivor).Freeze();
        await WriteAsync(cluster, 100, $"{tag}lost", new string('x', 2000));

        // What was written is acknowledged, so the silo is out of the set; its time-outs look at the log every 50 ms.
        for (long since = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(since).TotalMilliseconds < 120;)
            await WriteAsync(cluster, 1, $"{tag}lost", new string('x', 2000));
        cluster.Silo(Survivor).Thaw();
        ClusterStatus status = await cluster.UntilAsync(
            "the frozen silo loads a snapshot, or is in the set again, or dead",
            Patience,
            status => status.Silos.Count < 3 || status.Shards[shard].InSync.Contains(silo) || status.Shards[shard].Links.Any(link => link.Silo == silo && link.Phase == "Syncing"));
        return status.Silos.Count == 3;
    }

    /// <summary>Data in one shard whose primary is not on the silo that is to survive.</summary>
    private static async Task<(int Shard, string Tag)> FillAsync(GridProcesses cluster, string survivor)
    {
        for (int i = 0; ; i++)
        {
            string tag = $"{{tag{i}}}:";
            ClusterStatus before = await cluster.StatusAsync();
            await WriteAsync(cluster, Kept, tag, Old);
            int shard = (await cluster.StatusAsync()).Shards.Zip(before.Shards).Single(pair => pair.First.LogEnd >= pair.Second.LogEnd + Kept).First.Shard;
            if (before.Shards[shard].Primary != survivor)
                return (shard, tag);
        }
    }

    private static async Task WriteAsync(GridProcesses cluster, int count, string prefix, string value)
    {
        IKeyspace data = cluster.Grid.GetKeyspace("default");
        await Task.WhenAll(Enumerable.Range(0, count).Select(async i => await data.SetAsync(Bytes($"{prefix}{i}"), Bytes(value), cancellationToken: TestContext.Current.CancellationToken)));
    }

    private static async Task<string?> ReadAsync(GridProcesses cluster, string key) =>
        await cluster.Grid.GetKeyspace("default").GetAsync(Bytes(key), cancellationToken: TestContext.Current.CancellationToken) is { } value ? Encoding.UTF8.GetString(value) : null;

    /// <summary>Status and health say that the shard is unavailable, and nothing else brings it back.</summary>
    private static async Task UntilLostAsync(GridProcesses cluster, int silo, int shard)
    {
        ClusterStatus status = await cluster.UntilAsync("one silo is left, and the shard has no primary", Patience, status => status.Silos.Count == 1 && status.Shards[shard].Primary is null);
        Assert.Contains(status.Warnings, warning => warning.StartsWith($"Shard {shard} has no primary", StringComparison.Ordinal));
        await Until.AnswersAsync("health names the shard", async () =>
        {
            using HttpClient http = new();
            using HttpResponseMessage answer = await http.GetAsync(new Uri($"http://127.0.0.1:{cluster.HttpPort(silo)}/healthz/ready"), TestContext.Current.CancellationToken);
            return answer.StatusCode == HttpStatusCode.ServiceUnavailable
                && (await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).Contains($"shard {shard} is not served", StringComparison.Ordinal);
        });
    }

    private static async Task<IEnumerable<string>> EventsAsync(GridProcesses cluster) =>
        (await cluster.RunAsync("events")).Expect(0).Output.Split('\n');

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private sealed record Setting(GridProcesses Cluster, int Shard, string Tag);
}
