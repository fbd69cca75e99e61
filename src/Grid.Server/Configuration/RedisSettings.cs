using System.Net;
using StackExchange.Redis;

namespace Grid.Server.Configuration;

/// <summary>The Redis of a cluster, by <c>Clustering:ConnectionString</c>.</summary>
internal static class RedisSettings
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
