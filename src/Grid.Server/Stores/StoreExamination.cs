using System.Data.Common;
using System.Diagnostics;
using System.Globalization;
using Grid.Server.Configuration;
using Npgsql;
using StackExchange.Redis;

namespace Grid.Server.Stores;

/// <summary>What a store of membership and shard records says of itself.</summary>
internal sealed record StoreExamination
{
    /// <summary>What it is, with its servers.</summary>
    public required string Name { get; init; }

    /// <summary>Why it does not answer; null when it does.</summary>
    public string? Problem { get; init; }

    public Version Version { get; init; } = new();

    /// <summary>The least version that is still cared for by its makers.</summary>
    public Version Least { get; init; } = new();

    /// <summary>True for a server that follows another one, and takes no writes.</summary>
    public bool IsReplica { get; init; }

    /// <summary>How far its clock is ahead of this machine's, in milliseconds; good to <see cref="ClockUncertaintyMs"/>.</summary>
    public double ClockAheadMs { get; init; }

    public double ClockUncertaintyMs { get; init; }

    /// <summary>What it does not guarantee as it is set up.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Asks the store of a configuration; null for the development's, which is no store.</summary>
    public static async Task<StoreExamination?> AskAsync(ClusteringSettings clustering, CancellationToken cancellation)
    {
        if (clustering.Provider == ClusteringProvider.Development)
            return null;
        string name = clustering.Provider == ClusteringProvider.Redis ? $"Redis at {RedisStore.Servers(clustering.ConnectionString)}" : $"PostgreSQL at {PostgreSqlStore.Server(clustering.ConnectionString)}";
        try
        {
            return clustering.Provider == ClusteringProvider.Redis ? await AskRedisAsync(name, clustering.ConnectionString, cancellation) : await AskPostgreSqlAsync(name, clustering.ConnectionString, cancellation);
        }
        catch (Exception failure) when (failure is RedisException or DbException or TimeoutException)
        {
            return new StoreExamination { Name = name, Problem = failure.Message.Split(". ")[0].TrimEnd('.') };
        }
    }

    private static async Task<StoreExamination> AskRedisAsync(string name, string connection, CancellationToken cancellation)
    {
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(ConfigurationOptions.Parse(connection)).WaitAsync(cancellation);
        IServer server = redis.GetServers().FirstOrDefault(static one => one is { IsConnected: true, IsReplica: false }) ?? redis.GetServers().First(static one => one.IsConnected);
        (double ahead, double uncertainty) = await CompareAsync(async () => new DateTimeOffset(await server.TimeAsync().WaitAsync(cancellation), TimeSpan.Zero));
        return new StoreExamination
        {
            Name = name,
            Version = server.Version,
            Least = new Version(6, 2),
            IsReplica = server.IsReplica,
            ClockAheadMs = ahead,
            ClockUncertaintyMs = uncertainty,
            Warnings = await new RedisWarnings(connection).CheckAsync(cancellation),
        };
    }

    private static async Task<StoreExamination> AskPostgreSqlAsync(string name, string connection, CancellationToken cancellation)
    {
        await using NpgsqlConnection open = new(PostgreSqlStore.Connection(connection));
        await open.OpenAsync(cancellation);
        (double ahead, double uncertainty) = await CompareAsync(async () =>
        {
            await using NpgsqlCommand clock = new("SELECT extract(epoch FROM clock_timestamp())::double precision", open);
            return DateTimeOffset.UnixEpoch.AddSeconds(Convert.ToDouble(await clock.ExecuteScalarAsync(cancellation), CultureInfo.InvariantCulture));
        });
        await using NpgsqlCommand standby = new("SELECT pg_is_in_recovery()", open);
        return new StoreExamination
        {
            Name = name,
            Version = open.PostgreSqlVersion,
            Least = new Version(14, 0),
            IsReplica = await standby.ExecuteScalarAsync(cancellation) is true,
            ClockAheadMs = ahead,
            ClockUncertaintyMs = uncertainty,
            Warnings = await new PostgreSqlWarnings(connection).CheckAsync(cancellation),
        };
    }

    /// <summary>Compares a clock with this machine's: half of the way is taken to be the way there. The quickest of three counts.</summary>
    private static async Task<(double AheadMs, double UncertaintyMs)> CompareAsync(Func<Task<DateTimeOffset>> ask)
    {
        (double Ahead, double Half) best = (0, double.MaxValue);
        for (int i = 0; i < 3; i++)
        {
            DateTimeOffset before = DateTimeOffset.UtcNow;
            long began = Stopwatch.GetTimestamp();
            DateTimeOffset there = await ask();
            double half = Stopwatch.GetElapsedTime(began).TotalMilliseconds / 2;
            if (half < best.Half)
                best = ((there - before).TotalMilliseconds - half, half);
        }

        return best;
    }
}
