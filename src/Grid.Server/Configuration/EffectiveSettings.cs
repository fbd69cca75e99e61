using Grid.Server.Stores;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace Grid.Server.Configuration;

/// <summary>A setting as it is now.</summary>
/// <param name="Key">Its full key.</param>
/// <param name="Value">Its value as text; what is secret in it is masked.</param>
/// <param name="Source">Where it comes from.</param>
internal sealed record EffectiveSetting(string Key, string Value, string Source);

/// <summary>All settings as they are now, and where each comes from.</summary>
internal static class EffectiveSettings
{
    private const string Mask = "***";

    /// <summary>Every known key; values of keys that mean nothing are not shown, since nobody knows what is in them.</summary>
    public static IEnumerable<EffectiveSetting> Of(ServerConfiguration configuration)
    {
        ClusteringProvider provider = Enum.TryParse(configuration.Root[$"{ClusteringSettings.Section}:{nameof(ClusteringSettings.Provider)}"], ignoreCase: true, out ClusteringProvider named) ? named : default;
        foreach (Setting setting in SettingsCatalog.All)
        {
            string value = configuration.Root[setting.Key] ?? setting.DefaultText;
            yield return new EffectiveSetting(setting.Key, setting.Rule.Secret ? Hide(value, provider) : value, configuration.OriginOf(setting.Key).ToString());
        }

        foreach (string section in SettingsCatalog.ForeignSections)
        {
            foreach ((string key, string? value) in configuration.Root.GetSection(section).AsEnumerable().Where(pair => pair.Value is not null).OrderBy(pair => pair.Key, StringComparer.OrdinalIgnoreCase))
                yield return new EffectiveSetting(key, value!, configuration.OriginOf(key).ToString());
        }
    }

    /// <summary>What can be shown of a secret: servers and names of a connection string, nothing of anything else.</summary>
    internal static string Hide(string value, ClusteringProvider provider)
    {
        if (value.Length == 0)
            return "";
        switch (provider)
        {
            case ClusteringProvider.Redis when RedisStore.TryParse(value) is { } redis:
                redis.Password = string.IsNullOrEmpty(redis.Password) ? redis.Password : Mask;
                return redis.ToString(includePassword: true);
            case ClusteringProvider.PostgreSql when PostgreSqlStore.TryParse(value) is not null:
                NpgsqlConnectionStringBuilder postgres = new(value);
                postgres.Password = string.IsNullOrEmpty(postgres.Password) ? null : Mask;
                postgres.SslPassword = string.IsNullOrEmpty(postgres.SslPassword) ? null : Mask;
                return postgres.ConnectionString;
            default:
                return Mask;
        }
    }
}
