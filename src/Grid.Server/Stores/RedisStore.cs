using System.Net;
using Grid.Silo;
using StackExchange.Redis;

namespace Grid.Server.Stores;

/// <summary>The Redis of a cluster, by <c>Clustering:ConnectionString</c>.</summary>
internal static class RedisStore
{
    /// <summary>Reads a connection string; null when it is none.</summary>
    public static ConfigurationOptions? TryParse(string connection)
    {
        try
        {
            return ConfigurationOptions.Parse(connection) is { EndPoints.Count: > 0 } options ? options : null;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    /// <summary>The servers of a connection string, without what is secret in it.</summary>
    public static string Servers(string connection) => string.Join(", ", ConfigurationOptions.Parse(connection).EndPoints.Select(static server => server is DnsEndPoint named ? $"{named.Host}:{named.Port}" : server.ToString()));

    /// <summary>Looks whether the server answers, before Orleans fails late and at length.</summary>
    /// <exception cref="CommandException">It does not.</exception>
    public static async Task CheckAsync(string connection)
    {
        try
        {
            await using ConnectionMultiplexer probe = await ConnectionMultiplexer.ConnectAsync(ConfigurationOptions.Parse(connection));
            await probe.GetDatabase().PingAsync();
        }
        catch (RedisException failure)
        {
            throw new CommandException(ExitCode.Unreachable, $"Redis at {Servers(connection)} (Clustering:ConnectionString) does not answer: {failure.Message.Split(". ")[0].TrimEnd('.')}. Start it, or correct the connection string.", failure);
        }
    }
}

/// <summary>What a Redis server does not guarantee as it is set up.</summary>
internal sealed class RedisWarnings(string connection) : IRecordStorageWarnings
{
    public async ValueTask<IReadOnlyList<string>> CheckAsync(CancellationToken cancellation)
    {
        ConfigurationOptions options = ConfigurationOptions.Parse(connection);

        // CONFIG is one of the commands that a client has to ask for.
        options.AllowAdmin = true;
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(options).WaitAsync(cancellation);
        List<string> warnings = [];
        foreach (IServer server in redis.GetServers().Where(server => server is { IsConnected: true, IsReplica: false }))
        {
            try
            {
                string append = await AskAsync(server, "appendonly", cancellation);
                string sync = await AskAsync(server, "appendfsync", cancellation);
                string save = await AskAsync(server, "save", cancellation);
                warnings.AddRange(Judge(append, sync, save));
            }
            catch (RedisServerException refused)
            {
                warnings.Add($"Redis does not tell how it is set up ({refused.Message}): whether it can lose shard records, and acknowledged writes of the grid with them, is not known. It needs appendonly yes and appendfsync always.");
            }

            string? replicas = (await server.InfoAsync("replication").WaitAsync(cancellation)).SelectMany(section => section).FirstOrDefault(line => line.Key == "connected_slaves").Value;
            if (replicas is not (null or "0"))
                warnings.Add("Redis has replicas: a failover to one can take shard records back that the master had acknowledged, and acknowledged writes of the grid can be lost with them. Fail over by hand, with the master stopped and its replica caught up.");
        }

        return [.. warnings.Distinct()];
    }

    /// <summary>Says of the three settings what they do not guarantee.</summary>
    internal static List<string> Judge(string append, string sync, string save) => (append, sync, save) switch
    {
        ("yes", "always", _) => [],
        ("yes", _, _) => [$"Redis runs with appendfsync {sync}: a crash of its machine can take the last second's shard records back, and acknowledged writes of the grid can be lost with them. Set appendfsync always."],
        (_, _, "") => ["Redis keeps nothing on disk (appendonly no, save \"\"): its end is the end of the cluster, with all acknowledged writes. Set appendonly yes and appendfsync always."],
        _ => ["Redis runs with appendonly no: its crash takes shard records back to its last snapshot, and acknowledged writes of the grid can be lost with them. Set appendonly yes and appendfsync always."],
    };

    private static async Task<string> AskAsync(IServer server, string key, CancellationToken cancellation) =>
        (await server.ConfigGetAsync(key).WaitAsync(cancellation)).FirstOrDefault(pair => pair.Key == key).Value ?? "";
}
